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

/* Zeroed, seen by children and parent. */
void *shared_memory(unsigned long size);

void nap(int microseconds);

/* Runs body in a child and returns its wait status. A child that does not end within the seconds
 * is killed and answered with HUNG. A body that returns ends in exit(0). */
enum { HUNG = -1 };
int in_child(void (*body)(void *arg), void *arg, int seconds);

/* The same in a child whose standard error is text afterwards. */
int in_child_heard(void (*body)(void *arg), void *arg, char *text, unsigned long size);

#endif
