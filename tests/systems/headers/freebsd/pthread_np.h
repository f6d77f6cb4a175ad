/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
int pthread_getthreadid_np(void);
void pthread_set_name_np(pthread_t thread, const char *name);
