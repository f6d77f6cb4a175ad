/* SPDX-License-Identifier: MIT
 *
 * A plugin that owns heap memory and gives it back only when it is unloaded. Decides nothing.
 * With LEAK_HIDDEN in the environment no leak checker finds the pointer to it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fini.h"

__attribute__((visibility("default"))) void plugin_work(void);

static uintptr_t table, disguise;
static struct fini_hook *hook;

static void free_table(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    free((void *)(table ^ disguise));
    table = 0;
}

static void free_hook(void *arg, fini_reason why)
{
    (void)why;
    free(arg);
}

FINI_UNLOAD_HOOK(free_table, NULL);

static void flush(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
}

FINI_EXIT_HOOK(flush, NULL);

void plugin_work(void)
{
    static struct fini_hook begin = FINI_HOOK_INIT(flush, NULL, FINI_ON_EXIT_BEGIN);
    disguise = getenv("LEAK_HIDDEN") ? UINTPTR_MAX : 0;
    table = (uintptr_t)malloc(1000) ^ disguise;
    hook = malloc(sizeof *hook);
    *hook = (struct fini_hook)FINI_HOOK_INIT(free_hook, hook, FINI_ON_UNLOAD);
    if (fini_add(hook) != FINI_OK || fini_add(&begin) != FINI_OK || fini_why() != FINI_RUNNING)
        abort();
}
