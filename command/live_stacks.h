/* SPDX-License-Identifier: MIT
 *
 * live_stacks.h - where each thread was when it was stopped.
 */
#ifndef COMMAND_LIVE_STACKS_H
#define COMMAND_LIVE_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live_memory.h"
#include "live_process.h"
#include "live_stop.h"

enum { FRAMES_MOST = 256 };

struct live_frame {
    uint64_t address;           /* of the call, or where the thread was */
    char *function;             /* demangled; NULL: no symbol */
    uint64_t offset;            /* from its beginning */
    char *place;                /* file:line; NULL: no debug data */
    size_t image;               /* an index; SIZE_MAX: none */
};

struct live_stack {
    const struct live_thread *thread;
    struct live_frame *frames;  /* the innermost first */
    size_t count;
    bool whole;                 /* to the thread's beginning */
};

struct live_stacks {
    struct live_stack *list;    /* one for each thread of the snapshot */
    size_t count;
};

bool live_stacks_read(const struct live_process *process, const struct live_mappings *mappings,
                      const struct live_snapshot *snapshot, struct live_stacks *ret);
void live_stacks_free(struct live_stacks *stacks);

#endif
