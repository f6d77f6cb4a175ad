/* SPDX-License-Identifier: MIT
 *
 * refuse.h - system calls that a seccomp filter refuses, by hand, without libseccomp.
 */
#ifndef HOSTILE_REFUSE_H
#define HOSTILE_REFUSE_H

#include <stdint.h>

enum { REFUSE_MOST = 30, REFUSE_END = -1 };

/* With which argument a call is refused. */
struct refusal {
    int call;            /* its number; REFUSE_END ends a list */
    unsigned argument;   /* 0 to 5 */
    enum { ANY, EQUALS, ABOVE, MAPS_MEMORY } when; /* the last: EQUALS, and mmap's protection is
                                                    * for reading and writing */
    uint32_t value;      /* compared with the argument's low half */
};

/* From now on, in this process and what it becomes. `error` 0: it is killed instead. Skips the case
 * where the system has no filters; says so. */
void refuse(const struct refusal *list, int error);

/* The other way round: only these are not refused. */
void refuse_all_but(const struct refusal *list, int error);

#endif
