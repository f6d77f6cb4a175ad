/* SPDX-License-Identifier: MIT */
#define pthread_set_name_np(thread, name) ((void)pthread_setname_np(thread, name))
