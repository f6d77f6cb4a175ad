/* SPDX-License-Identifier: MIT
 *
 * The stack as words, where no frames are known (words.c).
 */
#ifndef FINI_WORDS_H
#define FINI_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

/* Not for sanitizers: it looks at frames that are not ours. */
FINI_UNUSED __attribute__((no_sanitize("address"))) static inline uintptr_t
fini__word_at(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

/* Asks the kernel. */
FINI_INTERNAL bool fini__readable(uintptr_t address);

/* For a scan upwards: asks once a page. */
FINI_INTERNAL bool fini__still_readable(uintptr_t at, bool first);

/* A function; begin is 0 if there is none. */
struct fini__code_range {
    uintptr_t begin, size;
};

/* The first word from `at` on, and before `end`, that is a return address into one of the
 * functions. 0: there is none. */
FINI_INTERNAL uintptr_t fini__words_find(const struct fini__code_range *functions, unsigned count,
                                         uintptr_t at, uintptr_t end);

/* There is code at the address that a signal handler returns to. Where it is not known how that
 * looks, always true. */
FINI_INTERNAL bool fini__returns_from_signal(uintptr_t address);

/* How far to look: the end of the thread's stack, or as far as makes sense. */
FINI_INTERNAL uintptr_t fini__words_end(uintptr_t at);

#endif
