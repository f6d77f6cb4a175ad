/* SPDX-License-Identifier: MIT */
/* bionic, 64 bits: no cancellation, no dlinfo, no issetugid. Its headers define __BIONIC__. */
#pragma once
#define __BIONIC__ 1
#define SYSTEM_ERRNO __errno
typedef unsigned long sigset_t;
typedef long pthread_t;
typedef int pthread_key_t;
#define SYSTEM_PTHREAD
#define SYSTEM_TIME \
    typedef int clockid_t; \
    int nanosleep(const struct timespec *length, struct timespec *left); \
    int clock_gettime(clockid_t clock, struct timespec *now);
#define CLOCK_MONOTONIC 1
#define SYSTEM_UNISTD pid_t gettid(void);
#define SYSTEM_DLFCN int dladdr(const void *at, Dl_info *ret);
#define SYSTEM_LINK_ADDRESS unsigned long
#define SYSTEM_DYNAMIC void
