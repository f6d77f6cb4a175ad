/* SPDX-License-Identifier: MIT
 *
 * handlers_plugin.c - a plugin that defines both predefined handlers, and has a hook.
 */
#include "plugin.h"

#include <stdlib.h>

#include "harness.h"

/* Set by the host: the handler is to call exit(3). */
extern int handlers_exit;
int handlers_exit;

static void answer(const char *name)
{
    say("%s: %s", name, fini_reason_name(fini_why()));
    if (handlers_exit)
        exit(3);
}

void fini_unload_handler(void)
{
    answer("unload handler");
}

void fini_exit_handler(void)
{
    answer("exit handler");
}

static void speak(void *arg, fini_reason why)
{
    say("%s: %s", (const char *)arg, fini_reason_name(why));
}

FINI_HOOK(speak, (void *)(size_t)"file", FINI_ALWAYS);

extern const struct plugin plugin;
const struct plugin plugin = {.add = fini_add, .remove = fini_remove, .why = fini_why,
                              .exiting = fini_exiting, .forked = fini_forked, .speak = speak};
