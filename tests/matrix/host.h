/* SPDX-License-Identifier: MIT
 *
 * host.h - what the files of a host program share.
 *
 * A host brings the plugin in one way and takes it out another. It holds no libfini unless the
 * plugin is linked into it (LINKED); what it says of the plugin it reads in /proc/self/maps.
 */
#ifndef MATRIX_HOST_H
#define MATRIX_HOST_H

#include <stdbool.h>

#include "line.h"
#include "plugin.h"

enum moment {
    IN_STARTUP_CONSTRUCTOR, /* of a library loaded at start-up */
    IN_CONSTRUCTOR,         /* of the program */
    IN_MAIN,
    IN_ATEXIT               /* in an exit handler, and the way out is taken there, too */
};

struct way_in {
    const char *name;
    enum moment when;
    void (*load)(void);
};

struct way_out {
    const char *name;
    void (*leave)(void);        /* may return: the host says so and returns from main */
    void (*before_load)(void);  /* may be NULL */
};

/* Each ends with a nameless entry. */
extern const struct way_in ways_in[];
extern const struct way_out ways_by_exit[];
extern const struct way_out ways_by_loader[];

/* The plugin in question. */
struct image {
    char name[64];  /* how it shows in the map */
    void *handles[2];
    int opened, keep; /* `keep` handles stay open when it is closed */
    void **kept;      /* where a library that will close it has its handle; may be NULL */
    const struct plugin_api *api;
};
extern struct image image;
extern const char image_file[]; /* its usual name */

bool is_mapped(void);

/* Gives back what the way in has opened. */
void close_image(void);

/* A failing dlopen, which makes the loader sweep out what nobody needs. */
void sweep(void);

void start_thread(void *(*run)(void *));
void run_in_thread(void *(*run)(void *));
void spin_in_image(void);
void shift(void);

#endif
