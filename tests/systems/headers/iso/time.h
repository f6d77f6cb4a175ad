/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <system.h>
typedef long time_t;
struct timespec {
    time_t tv_sec;
    long tv_nsec;
};
time_t time(time_t *ret);
SYSTEM_TIME
