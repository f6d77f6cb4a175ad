/* SPDX-License-Identifier: MIT
 *
 * plugin.h - what a test program can ask of the plugins in this folder, and how it opens them.
 *
 * Decides: the table that plugin.c exports, and the steps that nearly every case begins with.
 * Leaves to others: what the cases are about.
 */
#ifndef HOOKS_PLUGIN_H
#define HOOKS_PLUGIN_H

#include <stdatomic.h>

#include "children.h"
#include "fini.h"

struct plugin {
    int (*add)(struct fini_hook *hook);
    int (*remove)(struct fini_hook *hook);
    fini_reason (*why)(void);
    bool (*exiting)(void);
    bool (*forked)(void);
    fini_fn *speak; /* says "<arg>: <reason>"; arg is a text */
    fini_fn *count; /* arg is a struct tally */
    int (*at_exit)(void (*handler)(void)); /* the plugin's own atexit */
    void (*at_end)(void (*speak)(void)); /* what the plugin's own destructor is to call, last */
};

/* For plugin->count: a hook that takes its time, in code of the plugin. Lives in shared_memory(),
 * so that it can be read when the process is gone. */
struct tally {
    atomic_int begun, ended;
    int nap_us;
};

/* The name of a hook in the transcript, and the memory of one, for tables of hooks. */
#define SPEAKER(plugin, text, moments) {.fn = (plugin)->speak, .arg = (text), .when = (moments)}

/* ---- host.c --------------------------------------------------------------------------------- */

/* Opens a plugin that stands beside the program; both abort the case when they fail. */
void *open_plugin(const char *name, const struct plugin **ret);
void close_plugin(void *handle);

/* As fini_reason_name; the host has no copy of libfini. */
const char *reason(fini_reason why);

/* As in_child, in 5 seconds; the child's standard error is text afterwards. */
int in_child_heard(void (*body)(void *arg), void *arg, char *text, unsigned long size);

#endif
