/* SPDX-License-Identifier: MIT
 *
 * opening.h - what opening_startup.c has opened before main.
 */
#ifndef HOOKS_OPENING_H
#define HOOKS_OPENING_H

#include "plugin.h"

struct opening {
    void *handle;
    const struct plugin *plugin;
    struct fini_hook begin_hook, hook; /* for exit's begin, and for each end */
};

/* While the constructor waited; and while the start-up went on: wait for that one. */
extern struct opening opened_before_main, opened_meanwhile;
extern atomic_int opened_both;

#endif
