/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
void pthread_set_name_np(pthread_t thread, const char *name);
