/* SPDX-License-Identifier: MIT
 *
 * What the portable files of libfini know of each other.
 *
 * Decides: the seams between lock.c, hooks.c, reason.c, trace.c and image.c.
 * Leaves to others: the public interface (fini.h), the system (platform.h).
 */
#ifndef FINI_CORE_H
#define FINI_CORE_H

#include <stdatomic.h>

#include "platform.h"

/* ---- lock.c: a lock that knows its owner ----------------------------------------------------- */

struct fini__lock {
    _Atomic uintptr_t owner;   /* fini__platform_thread() of the holder; 0: free */
    _Atomic uintptr_t process; /* fini__platform_process() of the last taker */
    void (*forked)(void);      /* cleans up what the lock guards, in a forked child; or NULL */
};

/* In place of a process; none has these numbers. Until the lock is taken where there may be other
 * threads, so that one whose memory is zero is free; and while a forked child cleans up. */
#define FINI_LOCK_UNUSED ((uintptr_t)0)
#define FINI_LOCK_CLEANING_UP (~(uintptr_t)0)

FINI_INTERNAL bool fini__lock_needed(const struct fini__lock *lock);
FINI_INTERNAL bool fini__lock_take(struct fini__lock *lock);
FINI_INTERNAL void fini__lock_drop(struct fini__lock *lock);

/* ---- reason.c -------------------------------------------------------------------------------- */

FINI_INTERNAL fini_reason fini__reason_of(struct fini__sight sight);
FINI_INTERNAL unsigned fini__reason_moments(fini_reason why, bool clean_exit);

/* ---- hooks.c --------------------------------------------------------------------------------- */

/* A walk over the hooks, newest first, that runs one after the other; or the call of a predefined
 * handler. It lives on the stack that they run on. */
struct fini__run {
    fini_reason why;
    bool abandoned;           /* one of them has called exit(), and never returns */
    struct fini_hook *hook;   /* that runs now */
    struct fini_hook *cursor; /* the next to look at */
    struct fini__run *outer;
};

/* Who runs hooks: the finalizer, and the handler early in exit(). Each is one thread at a time. */
enum fini__lane { FINI__LANE_FINAL, FINI__LANE_EARLY, FINI__LANES };

/* A moment that is libfini's own: the image may go, for whatever reason its hooks are told. */
enum { FINI__ON_GOING = 16 };

FINI_INTERNAL int fini__hooks_add(struct fini_hook *hook);
FINI_INTERNAL bool fini__hooks_any(void);
FINI_INTERNAL void fini__hooks_seal(unsigned moments);
FINI_INTERNAL void fini__hooks_run(enum fini__lane lane, fini_reason why, unsigned moments,
                                   unsigned *ran);
FINI_INTERNAL void fini__hooks_call(void (*handler)(void), fini_reason why);
FINI_INTERNAL void fini__hooks_abandon(void);
FINI_INTERNAL void fini__hooks_forget(void);
FINI_INTERNAL fini_reason fini__hooks_why(void);

/* ---- image.c --------------------------------------------------------------------------------- */

/* The image's finalization has begun. For exit: it then stays for ever. */
FINI_INTERNAL bool fini__image_finalizing(void);

/* It has been finalized, and is unmapped next. Not in doubt: then threads may still run in it. */
FINI_INTERNAL bool fini__image_goes(void);

/* FINI_TRACE=1. */
FINI_INTERNAL bool fini__image_traced(void);

/* ---- generation.c ---------------------------------------------------------------------------- */

/* One copy more of this library has been loaded. */
FINI_INTERNAL void fini__generation_count(void);

/* Who this library is; NULL: not known. */
FINI_INTERNAL const char *fini__library_name(void);

/* ---- trace.c --------------------------------------------------------------------------------- */

FINI_INTERNAL void fini__trace_finalization(fini_reason why, unsigned hooks_run);

/* A thread has been waited for longer than one would expect. */
FINI_INTERNAL void fini__trace_waiting(unsigned long thread);

#endif
