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
        _Alignas(8) _Atomic uint64_t check, word;
    } row[FINI__STACK_ROWS];
};

FINI_INTERNAL void fini__stack_remember_in(struct fini__stack_memory *memory);

struct fini__stack_view {
    bool finalizer;      /* it is a finalizer that has been looked from */
    bool by_unload;      /* the innermost cause is dlclose or the like */
    bool by_exit;        /* the innermost cause is exit() */
    bool exit;           /* exit() is on the stack */
    bool lost;           /* something was not understood before any cause was found */
    bool startup;        /* the loader runs start-up constructors, and this is one of theirs */
    bool last_in_loader; /* the last frame that was understood is the loader's */
    uintptr_t outermost; /* in the outermost frame; 0: not reached */
    uintptr_t last;      /* where the walk has ended */
    uintptr_t loader_pc; /* where in the loader the call came from; 0: not seen */
};

/* From the caller of the function whose frame address is `frame`: the loader, for a finalizer. */
FINI_INTERNAL struct fini__stack_view fini__stack_view_from(const void *frame);

/* If not, start-up constructors are further out, or it is not known. Apart from the view, because
 * finalizers need not know, and in a thread it takes a microsecond to find out. */
FINI_INTERNAL bool fini__stack_main_has_begun(struct fini__stack_view view);

/* From the finalizer of this image that is on the stack; nothing is seen if there is none.
 * `constructors`: where in the loader this image's constructors are called from; 0: not yet. */
FINI_INTERNAL struct fini__stack_view fini__stack_view_around(const void *frame,
                                                              uintptr_t constructors);

/* Whether a walk leads out of this image's own code, from the function whose frame `frame` is. */
FINI_INTERNAL bool fini__stack_leads_out(const void *frame);

/* The same question alone, and never a false yes: in an image without unwind tables it is no. */
FINI_INTERNAL bool fini__stack_has_finalizer(const void *frame, uintptr_t constructors);

/* Further out, a signal handler has interrupted a function of malloc, which may hold its locks. */
FINI_INTERNAL bool fini__stack_interrupts_malloc(const void *frame);

/* The return address of the function whose frame `frame` is; where frames do not show it, an
 * address in the function itself. */
FINI_INTERNAL uintptr_t fini__stack_caller(const void *frame);

#endif
