/* SPDX-License-Identifier: MIT
 *
 * Handlers that exit() may be running while the image goes.
 *
 * Decides: how exit() itself tells that it has called one.
 * Leaves to others: which handlers (the platform file).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_EXIT_CALLS

#include "../platform.h"
#include "exit_calls.h"
#include "stored.h"

/* A function of libc that only stores, so that libc may call it whatever has become of us. */
static fini__handler_fn *const note = (fini__handler_fn *)(void (*)(void))sigfillset;

/* Before glibc 2.32 sigfillset stores 128 bytes, the first of them neither first nor last (seen in
 * 2.31); later it is 8. So we look at what it makes of another set. */
FINI_NOT_WATCHED bool fini__self_filled(const sigset_t *set)
{
    sigset_t full = {{0}};
    const volatile unsigned long *is = (const volatile unsigned long *)(const void *)set;
    const unsigned long *then = (const unsigned long *)(const void *)&full;
    sigfillset(&full);
    for (size_t n = 0; n < sizeof full / sizeof *then; n++)
        if (is[n] != then[n])
            return false;
    return true;
}

enum { HALF_ARMED = 1, ARMED = 2 }; /* half: exit() came in a signal handler meanwhile */

static void exit_call_run(void *arg)
{
    struct fini__exit_call *call = arg;
    uintptr_t self = fini__platform_thread();
    atomic_store(&call->process, fini__platform_process());
    if (atomic_load(&call->remover) == self) {
        call->was_there = true;
        return;
    }
    atomic_store(&call->runner, self);
    call->fn();
}

/* Another thread that arms it at the same time is as good. */
void fini__exit_call_arm(struct fini__exit_call *call, void (*fn)(void))
{
    if (atomic_exchange(&call->armed, HALF_ARMED) != 0)
        return;
    call->fn = fn;
    call->returned = (sigset_t){{0}};
    call->was_there = false;
    atomic_store(&call->remover, 0);
    atomic_store(&call->runner, 0);
    atomic_store(&call->process, fini__platform_process());
    if (__cxa_atexit(note, &call->returned, &call->returned_owner) == 0) {
        if (__cxa_atexit(exit_call_run, call, &call->owner) == 0) {
            atomic_store(&call->armed, ARMED);
            return;
        }
        __cxa_finalize(&call->returned_owner);
    }
    atomic_store(&call->armed, 0);
}

/* A thread that calls exit() may have been stopped anywhere in its handler. If it is the caller,
 * the handler is further down on this stack, and nothing of it will run any more. */
static void exit_call_wait(const struct fini__exit_call *call)
{
    for (unsigned round = 0; !fini__self_filled(&call->returned); round++) {
        if (atomic_load(&call->runner) == fini__platform_thread() ||
            atomic_load(&call->process) != fini__platform_process())
            return;
        fini__platform_pause(round);
    }
}

/* __cxa_finalize runs the handler if it is still there. */
void fini__exit_call_disarm(struct fini__exit_call *call)
{
    unsigned armed = atomic_exchange(&call->armed, 0);
    if (armed == 0)
        return;
    atomic_store(&call->remover, fini__platform_thread());
    __cxa_finalize(&call->owner);
    if (!call->was_there && armed == ARMED)
        exit_call_wait(call);
    __cxa_finalize(&call->returned_owner);
}

#else
typedef int fini__exit_calls_are_not_for_this_platform;
#endif
