/* SPDX-License-Identifier: MIT */
/* illumos: pthreads(7), pthread_setname_np(3C), dladdr(3C), dlinfo(3C), issetugid(2); gcc there
 * defines __illumos__. */
#pragma once
#include <stdint.h>
#define SYSTEM_ERRNO ___errno
typedef struct {
    unsigned int bits[4];
} sigset_t;
typedef unsigned int pthread_t;
typedef unsigned int pthread_key_t;
#define PTHREAD_CANCEL_DISABLE 1
#define SYSTEM_PTHREAD \
    int pthread_setcancelstate(int to, int *was); \
    int pthread_setname_np(pthread_t thread, const char *name);
#define SYSTEM_TIME \
    typedef int clockid_t; \
    int nanosleep(const struct timespec *length, struct timespec *left); \
    int clock_gettime(clockid_t clock, struct timespec *now);
#define CLOCK_MONOTONIC 1
#define SYSTEM_UNISTD int issetugid(void);
#define RTLD_DI_LINKMAP 2
#define SYSTEM_DLFCN \
    int dladdr(void *at, Dl_info *ret); \
    int dlinfo(void *handle, int request, void *ret);
#define SYSTEM_LINK_ADDRESS unsigned long
typedef struct {
    int64_t tag;
    uint64_t value;
} Elf64_Dyn;
#define SYSTEM_DYNAMIC Elf64_Dyn
extern Elf64_Dyn _DYNAMIC[];
