/* SPDX-License-Identifier: MIT
 *
 * plugin.h - what the plugins of this folder lend to their host.
 */
#ifndef VALUES_PLUGIN_H
#define VALUES_PLUGIN_H

#include "fini.h"

enum { PLUGIN_LOCALS = 300 };

/* A value is told to `report`, in the host, by its destructor in the plugin. */
struct plugin {
    void (*report_to)(void (*report)(void *value, fini_reason why));
    int (*init)(int n);
    void (*destroy)(int n);
    void *(*get)(int n);
    int (*set)(int n, void *value);
    int (*add_hook)(void *value); /* that tells this value */
};

#endif
