/* SPDX-License-Identifier: MIT
 *
 * What the stack tells.
 *
 * Decides: how to walk it, and what counts as an unload or an exit (stack.c).
 * Leaves to others: what is known besides, and what follows from it (glibc.c, reason.c).
 */
#ifndef FINI_STACK_H
#define FINI_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

/* Rows of unwind tables that all images with libfini remember together. Each is a word and that
 * word mixed with its key, so that a half-written one matches no key, and no lock is needed. */
enum { FINI__STACK_ROWS = 128 };

struct fini__stack_memory {
    struct {
        _Atomic uint64_t check, word;
    } row[FINI__STACK_ROWS];
    _Atomic uintptr_t exit_begin, exit_size; /* the program's exit() */
};

FINI_INTERNAL void fini__stack_remember_in(struct fini__stack_memory *memory);

struct fini__stack_view {
    bool finalizer;      /* it is a finalizer that has been looked from */
    bool by_unload;      /* the innermost cause is dlclose or the like */
    bool by_exit;        /* the innermost cause is exit() */
    bool exit;           /* exit() is on the stack */
    bool startup;        /* the loader runs start-up constructors, and this is one of theirs */
    bool main_has_begun; /* else such constructors are further out, or it is not known */
    uintptr_t outermost; /* in the outermost frame; 0: not reached */
    uintptr_t loader_pc; /* where in the loader the call came from; 0: not seen */
};

/* From the caller of the function whose frame address is `frame`: the loader, for a finalizer. */
FINI_INTERNAL struct fini__stack_view fini__stack_view_from(const void *frame);

/* The same from a constructor; sooner, and `startup` is right only if main has not begun. */
FINI_INTERNAL struct fini__stack_view fini__stack_view_from_constructor(const void *frame);

/* From the finalizer of this image that is on the stack; nothing is seen if there is none.
 * `constructors`: where in the loader this image's constructors are called from; 0: not yet. */
FINI_INTERNAL struct fini__stack_view fini__stack_view_around(const void *frame,
                                                              uintptr_t constructors);

/* Further out, a signal handler has interrupted a function of malloc, which may hold its locks. */
FINI_INTERNAL bool fini__stack_interrupts_malloc(const void *frame);

/* The return address of the function whose frame address is `frame`. */
FINI_INTERNAL uintptr_t fini__stack_caller(const void *frame);

#endif
