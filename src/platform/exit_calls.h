/* SPDX-License-Identifier: MIT
 *
 * A handler that exit() may be running while the image goes (exit_calls.c).
 */
#ifndef FINI_EXIT_CALLS_H
#define FINI_EXIT_CALLS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

typedef void fini__handler_fn(void *);

/* Exported by libc for compilers; no header declares them. */
extern int __cxa_atexit(fini__handler_fn *fn, void *arg, void *owner);
extern void __cxa_finalize(void *owner);

/* libc takes an exit handler off its list before it calls it, so that between the two another
 * thread's dlclose does not see it and unmaps the function: SIGSEGV. Here exit() itself notes in
 * `returned`, by the next older entry, that the call is over; whoever finds the handler taken
 * waits for that. */
struct fini__exit_call {
    void (*fn)(void);
    _Atomic unsigned armed;
    sigset_t returned;
    _Atomic uintptr_t remover; /* the thread that takes the handler back... */
    bool was_there;            /* ... and has found it */
    _Atomic uintptr_t runner;  /* the thread of exit() that has called it */
    _Atomic uintptr_t process; /* where it was armed or called: a child must not wait for it */
    char owner, returned_owner; /* for their addresses */
};

/* exit() calls `fn`. Another thread that arms it at the same time is as good. */
FINI_INTERNAL void fini__exit_call_arm(struct fini__exit_call *call, void (*fn)(void));

/* It is taken back, and waited for where another thread's exit() has begun to call it. */
FINI_INTERNAL void fini__exit_call_disarm(struct fini__exit_call *call);

/* libc has done with the set, which was empty before, and will not touch it again. */
FINI_INTERNAL bool fini__self_filled(const sigset_t *set);

#endif
