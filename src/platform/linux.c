/* SPDX-License-Identifier: MIT
 *
 * Small things that the kernel of Linux is asked for, whatever the libc.
 *
 * Decides: system calls and not libc's functions: some of those are cancellation points, and the
 * thread may be inside the loader's lock; and each name that an image asks for is looked up at each
 * of its loads.
 * Leaves to others: fences and sleeping (fences.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_LINUX

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../platform.h"
#include "kernel.h"
#include "record.h"
#include "workers.h"

#ifndef MADV_WIPEONFORK /* older headers; the kernel says whether it knows it */
#define MADV_WIPEONFORK 18
#endif

bool fini__platform_threads_killed(void)
{
    return false;
}

/* It has the process's own number. */
bool fini__platform_is_forker(void)
{
    return syscall(SYS_gettid) == syscall(SYS_getpid);
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)syscall(SYS_gettid);
}

void fini__name_thread(const char *name)
{
    syscall(SYS_prctl, PR_SET_NAME, name, 0, 0, 0);
}

void fini__platform_pause(unsigned round)
{
    const unsigned yields = 16;
    const struct fini__kernel_time nap = {.nanoseconds = round < 200 ? 50000 : 1000000};
    if (round < yields)
        syscall(SYS_sched_yield);
    else
        syscall(FINI__NANOSLEEP, &nap, NULL);
}

/* To a pipe that nobody will read, write raises SIGPIPE in this thread: it is taken back. One that
 * was pending before is the host's. */
void fini__platform_print(const char *text, size_t length)
{
    static const struct fini__kernel_time none;
    const struct fini__kernel_signals pipe = {{1ul << (SIGPIPE - 1)}};
    struct fini__kernel_signals mask, pending = {{0}};
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &mask, sizeof mask);
    if (syscall(SYS_write, STDERR_FILENO, text, length) == -1 && errno == EPIPE &&
        !(pending.word[0] & pipe.word[0]))
        syscall(FINI__RT_SIGTIMEDWAIT, &pipe, NULL, &none, sizeof pipe);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

void fini__platform_unmap(void *pages, size_t size)
{
    syscall(SYS_munmap, pages, size);
}

size_t fini__page_size(void)
{
    return getauxval(AT_PAGESZ);
}

uintptr_t fini__process_id(void)
{
    return (uintptr_t)syscall(SYS_getpid);
}

/* qemu-user agrees to all advice, and heeds none (seen in 7.2). */
bool fini__forget_in_children(void *page, size_t size)
{
    const int no_advice = -1;
    return syscall(SYS_madvise, page, size, no_advice) != 0 &&
           syscall(SYS_madvise, page, size, MADV_WIPEONFORK) == 0;
}

#else
typedef int fini__linux_is_not_this_platform;
#endif
