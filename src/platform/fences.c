/* SPDX-License-Identifier: MIT
 *
 * Fences that one side pays for, and sleeping on a word.
 *
 * Decides: membarrier for this process only (Linux 4.14), where the kernel allows it. The global
 * one takes 8 ms, and is never used. Asked once: threads that entered with a compiler barrier do
 * not become safe when the answer changes.
 * Leaves to others: who has to fence against whom (gate.c).
 *
 * System calls and not libc's functions: those are cancellation points.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_LINUX

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../platform.h"
#include "kernel.h"

/* From the kernel's interface; the headers of glibc before 2.26 lack them. */
enum { EXPEDITED = 8, REGISTER_EXPEDITED = 16 };
enum { MONOTONIC = 1 }; /* a clock */
enum { WAIT_PRIVATELY_UNTIL = 9 | 128, WAKE_PRIVATELY = 1 | 128 };

/* The thread sanitizer knows no fences; without light fences the atomic operations on both sides
 * do. */
static void own_fence(void)
{
#if !FINI_THREAD_SANITIZER
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* Nor these. */
#if defined(SYS_membarrier) && !FINI_THREAD_SANITIZER
static bool call_membarrier(int command)
{
    int saved = errno;
    bool done = syscall(SYS_membarrier, command, 0) == 0;
    errno = saved;
    return done;
}
#else
static bool call_membarrier(int command)
{
    (void)command;
    return false;
}
#endif

enum { NOT_ASKED, MEMBARRIER, FENCES_ONLY };

/* Two threads that ask at once get one answer: the first that is stored. */
bool fini__platform_light_fences(void)
{
    static _Atomic int known;
    int not_asked = NOT_ASKED;
    if (atomic_load_explicit(&known, memory_order_acquire) == NOT_ASKED) {
        bool works = call_membarrier(REGISTER_EXPEDITED) && call_membarrier(EXPEDITED);
        atomic_compare_exchange_strong(&known, &not_asked, works ? MEMBARRIER : FENCES_ONLY);
    }
    return atomic_load_explicit(&known, memory_order_acquire) == MEMBARRIER;
}

/* A process that shares no registration with the one that made it has to register again. */
bool fini__platform_heavy_fence(void)
{
    own_fence();
    if (!fini__platform_light_fences() || call_membarrier(EXPEDITED))
        return true;
    return call_membarrier(REGISTER_EXPEDITED) && call_membarrier(EXPEDITED);
}

static const int64_t second = 1000000000;

static int64_t now(void)
{
    struct fini__kernel_time t;
    syscall(FINI__CLOCK_GETTIME, MONOTONIC, &t);
    return t.seconds * second + t.nanoseconds;
}

int64_t fini__platform_deadline(int64_t timeout)
{
    if (timeout <= 0)
        return timeout < 0 ? -1 : 0;
    int64_t begin = now();
    return timeout > INT64_MAX - begin ? INT64_MAX : begin + timeout;
}

static bool is_past(int64_t deadline)
{
    return deadline >= 0 && now() >= deadline;
}

/* The kernel does not look at the time when the word has changed. */
bool fini__platform_wait(_Atomic uint32_t *word, uint32_t seen, int64_t deadline)
{
    int saved = errno;
    const struct fini__kernel_time until = {(long)(deadline / second), (long)(deadline % second)};
    if (deadline == 0)
        return false;
    bool woken = syscall(FINI__FUTEX, word, WAIT_PRIVATELY_UNTIL, seen,
                         deadline < 0 ? NULL : &until, NULL, ~0u) == 0;
    errno = saved;
    return woken || !is_past(deadline);
}

void fini__platform_wake(_Atomic uint32_t *word)
{
    int saved = errno;
    syscall(FINI__FUTEX, word, WAKE_PRIVATELY, INT_MAX);
    errno = saved;
}

#else
typedef int fini__fences_are_not_for_this_platform;
#endif
