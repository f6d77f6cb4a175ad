/* SPDX-License-Identifier: MIT
 *
 * why.h - all that `fini why` has found out, and how it is shown.
 */
#ifndef COMMAND_WHY_H
#define COMMAND_WHY_H

#include <stdbool.h>
#include <stddef.h>

#include "live_layout.h"
#include "live_process.h"
#include "live_stacks.h"
#include "live_stop.h"
#include "why_keep.h"

struct why {
    struct live_process process;
    struct live_layout layout;
    struct live_snapshot snapshot;
    struct live_mappings mappings;
    struct live_stacks stacks;
    struct keeping_of *keeping; /* by image */
    bool *selected;             /* by image */
    size_t selected_count;
    const char *library;        /* as it was asked for; NULL: all */
    bool stopped, stacks_wanted, verbose;
};

/* The innermost frame of the thread inside the image; NULL: it is not inside. */
const struct live_frame *why_inside(const struct live_stack *stack, size_t image);

void why_text(const struct why *why);
void why_json(const struct why *why);

#endif
