/* SPDX-License-Identifier: MIT
 *
 * filescope.c - a plugin with one hook at file scope, which says its name and then does what the
 * host asks of it.
 */
#include "plugin.h"

#include "harness.h"

extern fini_fn *at_file_hook;
fini_fn *at_file_hook;

static void speak(void *arg, fini_reason why)
{
    say("%s: %s", (const char *)arg, fini_reason_name(why));
}

static void file(void *arg, fini_reason why)
{
    speak(arg, why);
    if (at_file_hook)
        at_file_hook((void *)(size_t)"filescope.so", why);
}

FINI_HOOK(file, (void *)(size_t)"file", FINI_ALWAYS);

extern const struct plugin plugin;
const struct plugin plugin = {.add = fini_add, .remove = fini_remove, .why = fini_why,
                              .exiting = fini_exiting, .forked = fini_forked, .speak = speak};
