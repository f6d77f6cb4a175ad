/* SPDX-License-Identifier: MIT
 *
 * filter.h - a process that may not make some system calls, as in a sandbox.
 *
 * Decides: nothing. The kernel's interface is written down here, because not every libc comes with
 * the kernel's headers.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdint.h>
#include <sys/prctl.h>

struct filter_step {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t number;
};

/* A filter begins with the first, goes on with pairs of the second, and ends with the third. */
#define FILTER_BEGIN {0x20, 0, 0, 0}
#define FILTER_CALL(call, action) {0x15, 0, 1, (call)}, {0x06, 0, 0, (action)}
#define FILTER_END {0x06, 0, 0, FILTER_ALLOW}

enum { FILTER_REFUSE_WITH = 0x00050000, FILTER_ALLOW = 0x7fff0000 };
#define FILTER_KILL_PROCESS 0x80000000u

/* Not 0: the kernel has no filters. */
static inline int filter_calls(struct filter_step *steps, unsigned short count)
{
    enum { BY_FILTER = 2 };
    struct {
        unsigned short count;
        struct filter_step *steps;
    } program = {count, steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, BY_FILTER, &program);
}

#endif
