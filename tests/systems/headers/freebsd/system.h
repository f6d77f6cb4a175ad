/* SPDX-License-Identifier: MIT */
/* FreeBSD: pthread(3), pthread_np(3), dladdr(3), dlinfo(3), dl_iterate_phdr(3), sigsetops(3). */
#pragma once
#include <stdint.h>
#define SYSTEM_ERRNO __error
typedef struct {
    uint32_t bits[4];
} sigset_t;
typedef struct pthread *pthread_t;
typedef int pthread_key_t;
#define PTHREAD_CANCEL_DISABLE 1
#define SYSTEM_PTHREAD int pthread_setcancelstate(int to, int *was);
#define SYSTEM_TIME \
    typedef int clockid_t; \
    int nanosleep(const struct timespec *length, struct timespec *left); \
    int clock_gettime(clockid_t clock, struct timespec *now);
#define CLOCK_MONOTONIC 1
#define SYSTEM_UNISTD int issetugid(void);
#define RTLD_DI_LINKMAP 2
#define SYSTEM_DLFCN \
    int dladdr(const void *restrict at, Dl_info *restrict ret); \
    int dlinfo(void *restrict handle, int request, void *restrict ret);
#define SYSTEM_LINK_ADDRESS caddr_t
#define SYSTEM_DYNAMIC const void
