/* SPDX-License-Identifier: MIT
 *
 * plugin.h - what the plugins of this folder lend to their host.
 */
#ifndef VALUES_PLUGIN_H
#define VALUES_PLUGIN_H

#include "fini.h"

enum { PLUGIN_LOCALS = 300, PLUGIN_WORKERS = 4 };

/* A value is told to `report`, in the host, by its destructor in the plugin. */
struct plugin {
    void (*report_to)(void (*report)(void *value, fini_reason why));
    int (*init)(int n);
    void (*destroy)(int n);
    void *(*get)(int n);
    int (*set)(int n, void *value);
    int (*add_hook)(void *value); /* that tells this value */
    /* Workers. `body` is the host's; the plugin's own code is above it and below it. */
    int (*start)(int n, void (*body)(int n));
    bool (*stopping)(int n);
    int (*wait)(int n, int64_t timeout);
    int (*stop)(int n);
    int (*hold_for_thread)(void);
    struct fini_worker *workers;
};

#endif
