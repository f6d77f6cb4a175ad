/* SPDX-License-Identifier: MIT
 *
 * The plugin of bare.c. NAIVE: without libfini.
 */
#include "../matrix/line.h"

/* What crtbegin would bring, and atexit passes on. */
extern void *__dso_handle __attribute__((visibility("hidden")));
void *__dso_handle = &__dso_handle;

extern int __cxa_atexit(void (*fn)(void *), void *arg, void *image);
__attribute__((visibility("default"))) void bare_add_handler(void);

static void handler(void *arg)
{
    (void)arg;
    line("exit handler");
}

void bare_add_handler(void)
{
    __cxa_atexit(handler, NULL, __dso_handle);
}

/* With a priority: after libfini's own. */
__attribute__((destructor(101))) static void end(void)
{
    line("destructor");
}

#ifndef NAIVE
#include "fini.h"

static void hook(void *arg, fini_reason why)
{
    (void)arg;
    line("hook: %s", fini_reason_name(why));
}

FINI_HOOK(hook, NULL, FINI_ALWAYS);
#endif
