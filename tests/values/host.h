/* SPDX-License-Identifier: MIT
 *
 * host.h - the steps that the test programs of this folder share.
 *
 * Decides: how a plugin is opened, what a destroyed value leaves behind, and the oracle: the
 * process's own map.
 */
#ifndef VALUES_HOST_H
#define VALUES_HOST_H

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "plugin.h"

struct image {
    char path[PATH_MAX];
    void *handle;
    const struct plugin *p;
};

/* Opens a plugin that stands beside the program; its values are told to `report`. */
void open_image(struct image *image, const char *name);
/* Unloads it, and looks whether it is gone. */
void close_image(struct image *image);
bool is_mapped(const struct image *image);

/* A value that says its name and the reason. */
void say_value(void *value, fini_reason why);
extern void (*report)(void *value, fini_reason why);

/* A thread that runs `first`, waits, runs `last` if there is one, and ends. */
struct guest {
    void (*first)(void *arg), (*last)(void *arg);
    void *arg;
    pthread_t thread;
    sem_t ready, leave;
};
void guest_starts(struct guest *guest); /* on return `first` has run */
void guest_ends(struct guest *guest);

/* Runs fn in a thread of its own, to its end. */
void in_thread(void (*fn)(void *arg), void *arg);

#endif
