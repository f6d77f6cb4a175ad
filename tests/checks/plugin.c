/* SPDX-License-Identifier: MIT
 *
 * plugin.c - the smallest plugin with a hook. NAME is what it calls itself.
 */
#include "fini.h"

#include <stdio.h>

#ifndef NAME
#define NAME "hook"
#endif

static void hook(void *arg, fini_reason why)
{
    (void)arg;
    printf("%s: %s\n", NAME, fini_reason_name(why));
    fflush(stdout);
}

FINI_HOOK(hook, NULL, FINI_ALWAYS);
