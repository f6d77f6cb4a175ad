/* SPDX-License-Identifier: MIT
 *
 * startup.c - a library that programs are linked with: its file-scope hooks are added before main.
 */
#include "plugin.h"

#include <stdlib.h>

#include "harness.h"

static void speak(void *arg, fini_reason why)
{
    say("%s: %s", (const char *)arg, fini_reason_name(why));
}

static void own_handler(void)
{
    say("own handler: %s", fini_reason_name(fini_why()));
}

static int own_at_exit(void (*handler)(void))
{
    return atexit(handler);
}

__attribute__((constructor)) static void loaded(void)
{
    atexit(own_handler);
}

#define TEXT(text) ((void *)(size_t)(text))

FINI_HOOK(speak, TEXT("older, on exit"), FINI_ON_EXIT);
FINI_HOOK(speak, TEXT("at file scope, begin"), FINI_ON_EXIT_BEGIN);
FINI_HOOK(speak, TEXT("never: on unload"), FINI_ON_UNLOAD);

extern const struct plugin startup;
const struct plugin startup = {.add = fini_add, .remove = fini_remove, .why = fini_why,
                               .exiting = fini_exiting, .forked = fini_forked, .speak = speak,
                               .at_exit = own_at_exit};
