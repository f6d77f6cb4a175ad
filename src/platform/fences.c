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

#ifdef FINI_PLATFORM_GLIBC

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../platform.h"

/* From the kernel's interface; the headers of glibc before 2.26 lack them. */
enum { EXPEDITED = 8, REGISTER_EXPEDITED = 16 };
enum { WAIT_PRIVATELY_UNTIL = 9 | 128, WAKE_PRIVATELY = 1 | 128 };

/* The thread sanitizer does not know such fences. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_THREAD_SANITIZER 1
#endif
#endif

/* Nor fences at all; without light fences the atomic operations on both sides do. */
static void own_fence(void)
{
#ifndef UNDER_THREAD_SANITIZER
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

#if defined(SYS_membarrier) && !defined(UNDER_THREAD_SANITIZER)
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

/* In a child it is the first thread, whose number is the process's. */
bool fini__platform_forked_here(void)
{
    return syscall(SYS_gettid) == syscall(SYS_getpid);
}

static const int64_t second = 1000000000;

static int64_t now(void)
{
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * second + t.tv_nsec;
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
    const struct timespec until = {.tv_sec = deadline / second, .tv_nsec = deadline % second};
    if (deadline == 0)
        return false;
    bool woken = syscall(SYS_futex, word, WAIT_PRIVATELY_UNTIL, seen, deadline < 0 ? NULL : &until,
                         NULL, ~0u) == 0;
    errno = saved;
    return woken || !is_past(deadline);
}

void fini__platform_wake(_Atomic uint32_t *word)
{
    int saved = errno;
    syscall(SYS_futex, word, WAKE_PRIVATELY, INT_MAX);
    errno = saved;
}

#else
typedef int fini__fences_are_not_for_this_platform;
#endif
