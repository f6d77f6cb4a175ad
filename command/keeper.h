/* SPDX-License-Identifier: MIT
 *
 * keeper.h - a process that lets another one run for a while, and ends all that comes of it.
 *
 * Decides: how nothing gets away. In a process namespace of its own, where that is allowed: the end
 * of its first process is the end of all, and kill(-1) reaches nobody else. Where it is not,
 * orphans fall to the keeper (PR_SET_CHILD_SUBREAPER), which ends them one by one.
 */
#ifndef COMMAND_KEEPER_H
#define COMMAND_KEEPER_H

#include <stdbool.h>

/* In memory that is shared with whoever asked. */
struct keeping {
    int status;                 /* of the process, when it ended by itself */
    bool started, hung;
    bool flooded;               /* ended because it started processes without end */
    unsigned orphans;           /* processes that were left, at least */
};

/* To be called in a fresh child, which becomes the keeper. start: becomes the process. */
__attribute__((noreturn))
void keeper_run(void (*start)(void *context), void *context, int seconds, struct keeping *ret);

#endif
