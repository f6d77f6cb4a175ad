/* SPDX-License-Identifier: MIT
 *
 * The plugin of fault injection: one hook for each moment, a worker and its value. Decides nothing.
 */
#include "fini.h"
#include "inject.h"

__attribute__((visibility("default"))) void plugin_add(void);

static const enum inject_hook names[INJECT_HOOKS] = {HOOK_FILE, HOOK_ALWAYS, HOOK_UNLOAD,
                                                     HOOK_EXIT, HOOK_BEGIN};

static void runs(void *arg, fini_reason why)
{
    inject_hook_runs(*(const enum inject_hook *)arg, fini_why() == why ? (int)why : -1);
}

FINI_HOOK(runs, (void *)&names[HOOK_FILE], FINI_ALWAYS);

/* Where they cannot be had, the hooks are due all the same. */
static struct fini_worker worker;
static struct fini_local value;

static void work(struct fini_worker *w, void *arg)
{
    fini_local_set(&value, arg);
    while (fini_worker_wait(w, -1) != FINI_OK)
        ;
}

static void value_ends(void *arg, fini_reason why)
{
    (void)arg, (void)why;
}

void plugin_add(void)
{
    static const unsigned when[INJECT_HOOKS] = {0, FINI_ALWAYS, FINI_ON_UNLOAD, FINI_ON_EXIT,
                                                FINI_ON_EXIT_BEGIN};
    static struct fini_hook hooks[INJECT_HOOKS];
    for (int n = HOOK_ALWAYS; n < INJECT_HOOKS; n++) {
        hooks[n].fn = runs;
        hooks[n].arg = (void *)&names[n];
        hooks[n].when = when[n];
        if (fini_add(&hooks[n]) != FINI_OK)
            inject_hook_runs((enum inject_hook)n, -2);
    }
    fini_local_init(&value, value_ends);
    fini_worker_start(&worker, work, &value);
}
