/* SPDX-License-Identifier: MIT
 *
 * A plugin linked with -nostartfiles: no crtbegin, so nobody calls __cxa_finalize at its unload,
 * and no __dso_handle but its own, if any.
 *
 * Decides: hooks and destructors work as in any image; exit handlers run at exit, and are told
 * before the hooks. At an unload they stay registered, and exit() then calls what is gone: the same
 * with libfini and without, because an image that has crtbegin must not have them run earlier.
 * Leaves to others: all ways in and out of a plugin without exit handlers (variant `bare` of
 * tests/matrix).
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "../hooks/plugin.h"
#include "harness.h"

static void *open_bare(const char *name, bool with_handler)
{
    char path[PATH_MAX];
    void *plugin = dlopen(harness_path(path, name), RTLD_NOW);
    require(plugin != NULL);
    if (with_handler) {
        void (*add)(void) = (void (*)(void))(size_t)dlsym(plugin, "bare_add_handler");
        require(add != NULL);
        add();
    }
    return plugin;
}

CASE(unload, .expect = "hook: unload\ndestructor\n")
{
    dlclose(open_bare("hostile-bare.so", false));
}

CASE(exit_, .after = "hook: exit\ndestructor\n")
{
    open_bare("hostile-bare.so", false);
}

CASE(exit_with_a_handler, .after = "exit handler\nhook: exit\ndestructor\n")
{
    open_bare("hostile-bare.so", true);
}

static void close_with_handler(void *name)
{
    dlclose(open_bare(name, true));
    say("went on");
}

/* The naive one shows that it is not libfini's doing. */
CASE(a_handler_is_left_behind,
     .expect = "destructor\nwent on\nhook: unload\ndestructor\nwent on\n")
{
    static char naive[] = "hostile-bare-naive.so", cured[] = "hostile-bare.so";
    int naive_status = in_child(close_with_handler, naive, 5);
    int cured_status = in_child(close_with_handler, cured, 5);
    require(WIFSIGNALED(naive_status) && WIFSIGNALED(cured_status));
    require_eq(WTERMSIG(naive_status), WTERMSIG(cured_status));
}
