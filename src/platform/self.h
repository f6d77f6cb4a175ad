/* SPDX-License-Identifier: MIT
 *
 * What this image knows of the process it runs in, quickly (self.c), and how it is found out
 * (record.c, the platform file).
 */
#ifndef FINI_SELF_H
#define FINI_SELF_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"
#include "stored.h"

/* What a forked child is to forget: exit() begins anew there. */
struct fini__forgotten {
    _Atomic uintptr_t number; /* of this process; 0: a child that has none yet */
    sigset_t mark;            /* filled by exit() itself when it reaches our handler */
    _Atomic unsigned exiting;
    _Atomic unsigned marked;       /* the handler is registered */
    _Atomic uintptr_t exit_thread; /* in a static program: who has called exit() */
    /* By what exit() has interrupted: FINI__MALLOC_...; 0: nobody has looked. */
    _Atomic unsigned malloc_may_be_held;
};

enum { FINI__MALLOC_FREE = 1, FINI__MALLOC_HELD = 2 };

/* That of the process; before it is known, one of the image's own. */
FINI_INTERNAL struct fini__forgotten *fini__self_forgotten(void);
FINI_INTERNAL void fini__self_use(struct fini__forgotten *forgotten);

/* record.c: gives the process a number. The platform file: sets the exit mark, if it can be set
 * now. */
FINI_INTERNAL uintptr_t fini__record_number(void);
FINI_INTERNAL void fini__record_mark(void);

#endif
