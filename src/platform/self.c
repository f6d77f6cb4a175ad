/* SPDX-License-Identifier: MIT
 *
 * glibc: which thread, which process, is it exiting? What fini_add and each hook ask.
 *
 * Decides: to answer without a call of libc.
 * Leaves to others: how the answers come about (glibc.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define FINI_GLIBC_SINGLE_THREADED 1
#endif
#endif

#include "../platform.h"
#include "self.h"

static struct fini__forgotten own_forgotten, *forgotten = &own_forgotten;

struct fini__forgotten *fini__self_forgotten(void)
{
    return forgotten;
}

void fini__self_use(struct fini__forgotten *of_the_process)
{
    forgotten = of_the_process;
}

/* What pthread_self says, which libc keeps where the thread pointer points. */
uintptr_t fini__platform_thread(void)
{
    uintptr_t self;
    __asm__("mov %%fs:0, %0" : "=r"(self));
    return self;
}

#ifdef FINI_GLIBC_SINGLE_THREADED

/* From 2.32 on libc says no from the first pthread_create on, for good, and in a dlmopen namespace
 * from the start (seen in 2.36). Weak: the image may meet an older libc. */
extern __typeof__(__libc_single_threaded) __libc_single_threaded FINI_WEAK;

bool fini__platform_alone(void)
{
    return &__libc_single_threaded != NULL && __libc_single_threaded;
}

#else

bool fini__platform_alone(void)
{
    return false;
}

#endif

uintptr_t fini__platform_process(void)
{
    uintptr_t number = atomic_load_explicit(&forgotten->number, memory_order_relaxed);
    return FINI_UNLIKELY(number == 0) ? fini__record_number() : number;
}

bool fini__self_stored(const sigset_t *set)
{
    return *(const volatile unsigned char *)set != 0;
}

void fini__platform_watch_exit(void)
{
    if (FINI_UNLIKELY(!atomic_load_explicit(&forgotten->marked, memory_order_relaxed)))
        fini__record_mark();
}

bool fini__platform_exiting(void)
{
    return fini__self_stored(&forgotten->mark) ||
           atomic_load_explicit(&forgotten->exiting, memory_order_relaxed) != 0;
}

void fini__platform_set_exiting(void)
{
    atomic_store_explicit(&forgotten->exiting, 1, memory_order_relaxed);
}

#else
typedef int fini__self_is_not_for_this_platform;
#endif
