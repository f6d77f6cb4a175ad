/* SPDX-License-Identifier: MIT
 *
 * glibc: functions of libc that threads of the image's own are made and joined by.
 *
 * Decides: where they are looked for.
 * Leaves to others: what is done with them (workers.c).
 *
 * pthread_create and the like are looked for as the program's own calls would be: sanitizers, and
 * allocators that scan stacks, put functions of their own in their place, and have to know each
 * thread. Not by reference: libpthread has them before 2.34, which the image may lack, and each
 * name that the image asks for is looked up at each of its loads.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#include "../platform.h"
#include "objects.h"
#include "workers.h"

/* Two threads that look for them at once find the same. */
static struct fini__thread_calls calls;

/* Code for a program, which may be linked statically: there is no loader to ask. */
#if !defined(__PIC__) || defined(__PIE__)
#if !__GLIBC_PREREQ(2, 34)
#pragma weak pthread_create
#pragma weak pthread_tryjoin_np
#pragma weak pthread_detach
#pragma weak pthread_sigmask
#endif
static void use_linked(void)
{
    calls.create = pthread_create;
    calls.try_join = pthread_tryjoin_np;
    calls.detach = pthread_detach;
    calls.mask = pthread_sigmask;
}
#else
static void use_linked(void)
{
}
#endif

typedef fini__code *find_fn(void *where, const char *name);

/* Before 2.34 a process may have threads and no libdl. */
static fini__code *find_call(find_fn *find, const char *name)
{
    return find ? find(RTLD_DEFAULT, name) : fini__main_code(name);
}

static void find_by_name(void)
{
    find_fn *find = (find_fn *)fini__loader_code("dlsym");
    calls.try_join = (__typeof__(pthread_tryjoin_np) *)find_call(find, "pthread_tryjoin_np");
    calls.detach = (__typeof__(pthread_detach) *)find_call(find, "pthread_detach");
    calls.mask = (__typeof__(pthread_sigmask) *)find_call(find, "pthread_sigmask");
    calls.create = (__typeof__(pthread_create) *)find_call(find, "pthread_create");
}

const struct fini__thread_calls *fini__thread_calls(void)
{
    if (!fini__has_loader())
        use_linked();
    else if (!calls.create)
        find_by_name();
    bool found = calls.create && calls.try_join && calls.detach && calls.mask;
    return found ? &calls : NULL;
}

/* Numbers below 32 are bits of the first word. */
void fini__leave_out_signal(sigset_t *set, int signal)
{
    set->__val[0] &= ~(1ul << (signal - 1));
}

#else
typedef int fini__calls_are_not_for_this_platform;
#endif
