/* SPDX-License-Identifier: MIT
 *
 * What all copies of libfini in a process share: its format.
 *
 * Decides: format 1. All of it is data; zero means that nobody has used it yet. A copy with
 * another idea of it changes `format`, and leaves alone what has another than its own. Members are
 * added at the end of struct fini__shared only.
 * Leaves to others: the memory (platform.h), keepsakes (keep.c), generations (generation.c).
 */
#ifndef FINI_SHARED_H
#define FINI_SHARED_H

#include "core.h"

enum { FINI__SHARED_FORMAT = 1, FINI__LIBRARIES_MOST = 4096 };

struct fini__kept; /* keep.c */

struct fini__library {
    _Alignas(8) _Atomic uint64_t name; /* 64 bits of FNV-1a; 0: free */
    _Alignas(8) _Atomic uint64_t loads;
};

struct fini__shared {
    _Atomic uint32_t format;
    struct fini__lock lock; /* guards the list of keepsakes and what it leads to */
    struct fini__kept *first;
    struct fini__library libraries[FINI__LIBRARIES_MOST];
};

/* NULL: the platform has no such place, or it has another format. */
FINI_INTERNAL struct fini__shared *fini__shared_find(void);

#endif
