/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#define pthread_setname_np(thread, format, name) ((void)(format), pthread_setname_np(thread, name))
