/* SPDX-License-Identifier: MIT
 *
 * why_keep.h - what keeps each image of a process from being unloaded.
 */
#ifndef COMMAND_WHY_KEEP_H
#define COMMAND_WHY_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live_images.h"

enum keep {
    KEEP_NEVER,                 /* this loader unloads nothing */
    KEEP_STARTUP,               /* a part of the process since its start */
    KEEP_MARKED,                /* NODELETE in its file */
    KEEP_UNIQUE,                /* pinned, and it defines unique symbols */
    KEEP_PINNED,                /* pinned otherwise */
    KEEP_OPENED,                /* opened, not closed */
    KEEP_DESTRUCTORS,           /* of thread_local objects, pending */
    KEEP_NEEDED,                /* by an image that is kept, or may be */
    KEEP_BOUND,                 /* likewise, that has bound a symbol of it */
    KEEP_COUNT
};

enum keep_state { STATE_FREE, STATE_UNKNOWN, STATE_STAYS };

struct keeper_list {
    uint64_t count;             /* of openings, destructors, images; 0: this does not keep it */
    size_t *by;                 /* for images: which */
};

struct keeping_of {
    enum keep_state state;
    struct keeper_list keeps[KEEP_COUNT];
};

/* One for each image, to be freed by keep_free. NULL: no memory. */
struct keeping_of *keep_find(const struct live_images *images, bool is_musl);
void keep_free(struct keeping_of *keeping, size_t count);

/* As in the JSON schema, and for people: where it ends in `by`, images follow. */
const char *keep_name(enum keep keep);
const char *keep_text(enum keep keep);
const char *keep_state_name(enum keep_state state);

#endif
