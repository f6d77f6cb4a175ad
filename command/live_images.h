/* SPDX-License-Identifier: MIT
 *
 * live_images.h - the images in a process, by its loader's list.
 */
#ifndef COMMAND_LIVE_IMAGES_H
#define COMMAND_LIVE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live_layout.h"
#include "live_memory.h"
#include "live_process.h"

struct live_image {
    /* As it stood in the list. */
    uint64_t map;               /* where its struct link_map is */
    uint64_t bias, dynamic;
    unsigned space;             /* the number of its list: 0 is the program's own */
    char *name;                 /* empty: the program */
    bool knows_opened, knows_pinned, knows_destructors, knows_bound;
    uint64_t opened, pinned, destructors;
    uint64_t *bound;            /* struct link_maps of which it has bound symbols */
    size_t bound_count;

    /* From its own memory and file. */
    char *path, *soname;        /* soname: NULL, there is none */
    char **needed;
    size_t needed_count;
    uint64_t start, end;        /* of what its segments span; 0: not known */
    bool marked;                /* NODELETE in its file */
    char *unique;               /* a symbol of the kind GNU_UNIQUE that it defines, or NULL */
    enum live_file file;
};

struct live_images {
    struct live_image *list;
    size_t count;
    bool at_work;               /* the loader was changing the list */
    bool cut_off;               /* the list went astray */
};

/* Reads the lists alone: while the process is stopped. */
bool live_images_list(const struct live_process *process, const struct live_layout *layout,
                      struct live_images *ret);

/* Reads all else. False: there is more of it than can be true. */
bool live_images_complete(const struct live_process *process, const struct live_mappings *mappings,
                          struct live_images *images);
void live_images_free(struct live_images *images);

#endif
