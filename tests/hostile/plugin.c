/* SPDX-License-Identifier: MIT
 *
 * plugin.c - the plugin of life.h, which does nothing but report.
 *
 * NAIVE: without libfini, so that a failure which is none of libfini's shows as that.
 * ALLOCATES: and calls malloc once.
 */
#include <stdlib.h>

#include "life.h"

__attribute__((visibility("default"))) struct report *plugin_report;

static void report(fini_reason why)
{
    if (!plugin_report)
        return;
    void (*slow)(void) = atomic_load(&plugin_report->slow);
    if (slow)
        slow();
    atomic_store(&plugin_report->told, (int)why);
    atomic_fetch_add(&plugin_report->runs, 1);
}

#ifdef ALLOCATES
__attribute__((constructor)) static void allocate(void)
{
    void *volatile block = malloc(1);
    free(block);
}
#endif

#ifdef NAIVE
__attribute__((destructor)) static void end(void)
{
    report(FINI_RUNNING);
}
#else
static void hook(void *arg, fini_reason why)
{
    (void)arg;
    report(fini_why() == why ? why : FINI_THREAD_EXIT);
}

static void begin(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
}

static struct fini_hook early = FINI_HOOK_INIT(begin, NULL, FINI_ON_EXIT_BEGIN);
FINI_HOOK(hook, NULL, FINI_ALWAYS);

/* An early hook, so that libfini registers all that it ever does. */
__attribute__((constructor)) static void start(void)
{
    fini_add(&early);
}
#endif
