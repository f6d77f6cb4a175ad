/* SPDX-License-Identifier: MIT
 *
 * Which thread, which process, is it exiting? What fini_add and each hook ask.
 *
 * Decides: to answer without a call of libc.
 * Leaves to others: how the answers come about (record.c, the platform file).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_SELF

#include <stddef.h>

#include "../platform.h"
#include "self.h"

#ifdef FINI_PLATFORM_GLIBC
#include "objects.h"
#endif

static struct fini__forgotten own_forgotten, *forgotten = &own_forgotten;

struct fini__forgotten *fini__self_forgotten(void)
{
    return forgotten;
}

void fini__self_use(struct fini__forgotten *of_the_process)
{
    forgotten = of_the_process;
}

/* The thread pointer, as the fast path of gates in fini.h reads it. */
uintptr_t fini__platform_thread(void)
{
    return fini__thread_pointer();
}

#ifdef FINI_PLATFORM_GLIBC

/* __libc_single_threaded: libc says no there from the first pthread_create on, for good, and in a
 * dlmopen namespace from the start (seen in 2.36). Before 2.32, and in a static program that has
 * this as code for libraries, there is none, and the answer is no. */
static const char *_Atomic single_threaded;

/* Not by reference: see objects.c. But what is linked into a program has libc beside it. */
#if defined(__GLIBC_PREREQ) && (!defined(__PIC__) || defined(__PIE__))
#if __GLIBC_PREREQ(2, 32)
extern char __libc_single_threaded FINI_WEAK;
#define FINI_GLIBC_SINGLE_THREADED (&__libc_single_threaded)
#endif
#endif
#ifndef FINI_GLIBC_SINGLE_THREADED
#define FINI_GLIBC_SINGLE_THREADED NULL
#endif

FINI_NOINLINE static const char *find_single_threaded(void)
{
    static char name[] = "__libc_single_threaded";
    static const char no;
    uintptr_t size;
    FINI_STAYS_WRITABLE(name); /* on a page that is touched anyway */
    const char *found = FINI_GLIBC_SINGLE_THREADED;
    if (!found && fini__has_loader() && fini__in_main_namespace())
        found = (const char *)fini__main_symbol(name, &size);
    if (!found)
        found = &no;
    atomic_store_explicit(&single_threaded, found, memory_order_relaxed);
    return found;
}

bool fini__platform_alone(void)
{
    const char *place = atomic_load_explicit(&single_threaded, memory_order_relaxed);
    if (FINI_UNLIKELY(!place))
        place = find_single_threaded();
    return *(const volatile char *)place != 0;
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

FINI_NOT_WATCHED bool fini__self_stored(const sigset_t *set)
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
