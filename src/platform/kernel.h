/* SPDX-License-Identifier: MIT
 *
 * What system calls of Linux take, where libc's own types may be larger.
 *
 * Decides: times are two words, as in the kernel's first calls, whatever size libc's time_t has
 * been given; 32-bit processors that came after 2038 was thought of have the newer calls only.
 * Leaves to others: calling.
 */
#ifndef FINI_KERNEL_H
#define FINI_KERNEL_H

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifdef SYS_futex
struct fini__kernel_time {
    long seconds, nanoseconds;
};
enum {
    FINI__FUTEX = SYS_futex,
    FINI__CLOCK_GETTIME = SYS_clock_gettime,
    FINI__NANOSLEEP = SYS_nanosleep,
    FINI__RT_SIGTIMEDWAIT = SYS_rt_sigtimedwait
};
#else
struct fini__kernel_time {
    int64_t seconds, nanoseconds;
};
enum {
    FINI__FUTEX = SYS_futex_time64,
    FINI__CLOCK_GETTIME = SYS_clock_gettime64,
    FINI__NANOSLEEP = SYS_clock_nanosleep_time64,
    FINI__RT_SIGTIMEDWAIT = SYS_rt_sigtimedwait_time64
};
#endif

/* A set of signals. libc's has room for more. */
struct fini__kernel_signals {
    unsigned long word[(_NSIG - 1) / (8 * sizeof(unsigned long))];
};

#endif
