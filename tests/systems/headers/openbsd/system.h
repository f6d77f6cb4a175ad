/* SPDX-License-Identifier: MIT */
/* OpenBSD: pthreads(3), pthread_set_name_np(3), dlopen(3), sigsetops(3), issetugid(2),
 * getthrid(2). */
#pragma once
#define SYSTEM_ERRNO __errno
typedef unsigned int sigset_t;
typedef struct pthread *pthread_t;
typedef int pthread_key_t;
#define PTHREAD_CANCEL_DISABLE 1
#define SYSTEM_PTHREAD int pthread_setcancelstate(int to, int *was);
#define SYSTEM_TIME \
    typedef int clockid_t; \
    int nanosleep(const struct timespec *length, struct timespec *left); \
    int clock_gettime(clockid_t clock, struct timespec *now);
#define CLOCK_MONOTONIC 1
#define SYSTEM_UNISTD \
    int issetugid(void); \
    pid_t getthrid(void);
#define SYSTEM_DLFCN int dladdr(const void *at, Dl_info *ret);
#define SYSTEM_LINK_ADDRESS caddr_t
#define SYSTEM_DYNAMIC void
