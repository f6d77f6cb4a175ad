/* SPDX-License-Identifier: MIT
 *
 * host.h - the steps that the test programs of this folder share.
 *
 * Decides: how an image is opened and closed, and the oracle: what the process's own map says.
 */
#ifndef MAPPED_HOST_H
#define MAPPED_HOST_H

#include <limits.h>

#include "children.h"
#include "member.h"

struct image {
    char path[PATH_MAX];
    void *handle;
    const struct member *m;
    struct constructed *constructed;
    struct ending *ending; /* in memory that children and parent share */
};

/* Opens a member that stands beside the program, or at this path; aborts the case if it fails. */
void open_image(struct image *image, const char *name);
void open_image_at(struct image *image, const char *path);
void open_image_in_namespace(struct image *image, const char *name);
void close_image(struct image *image);

/* The file is in /proc/self/maps, deleted or not. */
bool is_mapped(const struct image *image);

/* What follows from a system on which nothing is ever unloaded: traits, and the generation of a
 * library that has been opened again. */
#define TRAITS(own) ((own) | WHERE_UNLOADED(0, FINI_NEVER_UNLOADS))
#define GENERATION(loads) WHERE_UNLOADED(loads, 1)

/* It has been closed; and there it must have been unloaded, if anything ever is. */
void require_unmapped(const struct image *image);

/* Aborts the case unless the image has gone, for that reason, in that thread (0: any). */
void require_gone(const struct image *image, fini_reason why, int thread);
/* ... unless it is there, and has not been finalized. */
void require_stays(const struct image *image);

/* Runs fn in a new thread, until its end. */
void in_thread(void *(*fn)(void *), void *arg);
int thread_number(void);

/* A new folder, removed with all that is in it when the process ends. */
const char *stage(void);
/* Copies a file that stands beside the program into the folder under a name; returns its path. */
char *copy_to_stage(char path[PATH_MAX], const char *name, const char *as);

#endif
