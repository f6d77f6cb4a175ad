/* SPDX-License-Identifier: MIT
 *
 * The stack as words, where no frames are known.
 *
 * Decides: to ask the kernel what can be read; how far to look.
 * Leaves to others: what follows from a word that is found, which may be an old one (stack.c).
 *
 * Only where a frame has no unwind tables: this reads what nobody has written, which valgrind
 * reports.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../platform.h"
#include "kernel.h"
#include "words.h"

enum { WAIT_PRIVATELY = 0 | 128 }; /* of futex */

/* The kernel reads the word before it compares it, and does not wait: EFAULT says unreadable. Of
 * the calls that read for the caller it is the one that no filter refuses. */
bool fini__readable(uintptr_t address)
{
    static const struct fini__kernel_time none;
    return syscall(FINI__FUTEX, address & ~(uintptr_t)3, WAIT_PRIVATELY, 0, &none) == 0 ||
           errno == EAGAIN || errno == ETIMEDOUT;
}

bool fini__still_readable(uintptr_t at, bool first)
{
    return (!first && at % 4096 != 0) || fini__readable(at);
}

/* A call may be the last instruction of its function. We are told the function's size and not its
 * end: that is such an address, and would be found where an earlier look has left it (seen). */
static bool leads_into(const struct fini__code_range *functions, unsigned count, uintptr_t word)
{
    for (unsigned n = 0; n < count; n++)
        if (functions[n].begin != 0 && word - functions[n].begin - 1 < functions[n].size)
            return true;
    return false;
}

uintptr_t fini__words_find(const struct fini__code_range *functions, unsigned count, uintptr_t at,
                           uintptr_t end)
{
    for (unsigned n = 0; at < end; n++, at += sizeof at) {
        if (!fini__still_readable(at, n == 0))
            return 0;
        if (leads_into(functions, count, fini__word_at(at)))
            return at;
    }
    return 0;
}

#ifdef FINI__SIGNAL_RETURNS
bool fini__returns_from_signal(uintptr_t address)
{
    static const unsigned char codes[][4] = {FINI__SIGNAL_RETURNS};
    uintptr_t at = address & ~(uintptr_t)1; /* Thumb code's addresses are odd */
    if (!fini__readable(at) || !fini__readable(at + 3))
        return false;
    for (size_t n = 0; n < sizeof codes / sizeof *codes; n++)
        if (memcmp((const void *)at, codes[n], sizeof *codes) == 0)
            return true;
    return false;
}
#else
bool fini__returns_from_signal(uintptr_t address)
{
    return address != 0;
}
#endif

uintptr_t fini__words_end(uintptr_t at)
{
    const uintptr_t most = 8192 * sizeof at;
    uintptr_t end = fini__platform_thread(); /* at the end of a thread's stack, for glibc */
    return end < at || end - at > most ? at + most : end;
}

#else
typedef int fini__words_are_not_for_this_platform;
#endif
