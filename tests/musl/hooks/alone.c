/* SPDX-License-Identifier: MIT
 *
 * On musl hooks run from an exit handler. Here libc has no memory for it.
 *
 * Decides: that hooks run all the same, once, from the finalizer.
 * Leaves to others: what hooks may do (reentry.c).
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "harness.h"
#include "plugin.h"

/* The program's own, which is found before libc's. */
static int refuse;
static int refused;

int atexit(void (*handler)(void))
{
    static int (*of_libc)(void (*)(void));
    if (refuse) {
        refused++;
        return -1;
    }
    *(void **)&of_libc = dlsym(RTLD_NEXT, "atexit");
    return of_libc(handler);
}

static const struct plugin *plugin;
static struct fini_hook hook, later;

static void older_handler(void)
{
    say("handler of the program");
}

static void open_refused(void)
{
    require_eq(atexit(older_handler), 0);
    refuse = 1;
    open_plugin("plugin.so", &plugin);
    require(refused > 0);
    hook = (struct fini_hook)SPEAKER(plugin, "hook", FINI_ALWAYS);
    require_eq(plugin->add(&hook), FINI_OK);
}

CASE(no_exit_handler, .after = "handler of the program\nhook: exit\n")
{
    open_refused();
}

/* Which fini_add tries again. */
CASE(an_exit_handler_later, .after = "hook: exit\nhandler of the program\n")
{
    open_refused();
    refuse = 0;
    require_eq(plugin->remove(&hook), FINI_OK);
    require_eq(plugin->add(&hook), FINI_OK);
}

/* They run with the others. */
CASE(early_hooks_without_a_handler, .after = "handler of the program\nearly: exit\nhook: exit\n")
{
    open_refused();
    later = (struct fini_hook)SPEAKER(plugin, "early", FINI_ON_EXIT_BEGIN);
    require_eq(plugin->add(&later), FINI_OK);
}
