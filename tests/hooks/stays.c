/* SPDX-License-Identifier: MIT
 *
 * After FINI_EXIT an image stays mapped, even where a library that it depends on unloads it from
 * its own finalizer, which comes later (krb5's shape), under a thread that runs in it.
 *
 * Decides: that the naive plugin crashes that way and the one with libfini does not.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "plugin.h"

/* The base comes with the plugin, so that the program itself does not need it. */
static void open_and_exit(void *name)
{
    void *handle = open_plugin(name, NULL);
    void **base_plugin = dlsym(handle, "base_plugin");
    int (*start_thread)(void);
    *(void **)&start_thread = dlsym(handle, "start_thread");
    require(base_plugin != NULL && start_thread != NULL);
    *base_plugin = handle;
    require_eq(start_thread(), 0);
}

static char naive_plugin[] = "stays_naive.so", cured_plugin[] = "stays_cured.so";

CASE(naive_crashes, .unloads = true, .expect = "plugin: no idea\nclosing: 0\n")
{
    int status = in_child(open_and_exit, naive_plugin, 5);
    require(status != HUNG && WIFSIGNALED(status));
    require_eq(WTERMSIG(status), SIGSEGV);
}

CASE(cured_stays, .expect = "plugin: exit\nclosing: 0\nbase is done\n")
{
    require_eq(in_child(open_and_exit, cured_plugin, 5), 0);
}
