/* SPDX-License-Identifier: MIT
 *
 * The predefined handlers of a plugin, in a host that exports functions of the same names.
 *
 * Decides: when each is called, that it is called last, and that the host's never is.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "harness.h"
#include "plugin.h"

/* The host's own: its declarations are not those of fini.h, which make them hidden. */
__attribute__((visibility("default"))) void host_unload_handler(void)
    __asm__("fini_unload_handler");
__attribute__((visibility("default"))) void host_exit_handler(void) __asm__("fini_exit_handler");

void host_unload_handler(void)
{
    say("the host's unload handler");
}

void host_exit_handler(void)
{
    say("the host's exit handler");
}

static const struct plugin *plugin;
static void *handle;
static struct fini_hook hook;

/* Where the program does not export them, these cases prove nothing. */
static void open_named(const char *name)
{
    require(dlsym(RTLD_DEFAULT, "fini_unload_handler") != NULL);
    require(dlsym(RTLD_DEFAULT, "fini_exit_handler") != NULL);
    handle = open_plugin(name, &plugin);
    hook = (struct fini_hook)SPEAKER(plugin, "added", FINI_ALWAYS);
    require_eq(plugin->add(&hook), FINI_OK);
}

CASE(unload,
     .expect = WHERE_UNLOADED("added: unload\nfile: unload\nunload handler: unload\nclosed\n",
                              "closed\n"),
     .after = WHERE_UNLOADED(NULL, "added: exit\nfile: exit\nexit handler: exit\n"))
{
    open_named("handlers.so");
    close_plugin(handle);
    say("closed");
}

CASE(at_exit, .after = "added: exit\nfile: exit\nexit handler: exit\n")
{
    open_named("handlers.so");
}

static void close_it(void)
{
    close_plugin(handle);
}

CASE(unload_at_exit,
     .after = WHERE_UNLOADED("added: unload at exit\nfile: unload at exit\n"
                             "exit handler: unload at exit\nunload handler: unload at exit\n",
                             "added: exit\nfile: exit\nexit handler: exit\n"))
{
    require_eq(atexit(close_it), 0);
    open_named("handlers.so");
}

CASE(clean_exit,
     .after = "added: exit\nfile: exit\nexit handler: exit\nunload handler: exit\n")
{
    setenv("FINI_CLEAN_EXIT", "1", 1);
    open_named("handlers.so");
}

/* ---- a plugin without them ------------------------------------------------------------------ */

CASE(none_at_unload, .expect = WHERE_UNLOADED("added: unload\nclosed\n", "closed\n"),
     .after = WHERE_UNLOADED(NULL, "added: exit\n"))
{
    open_named("plugin.so");
    close_plugin(handle);
    say("closed");
}

CASE(none_at_exit, .after = "added: exit\n")
{
    open_named("plugin.so");
}

CASE(none_at_clean_exit, .after = "added: exit\n")
{
    setenv("FINI_CLEAN_EXIT", "1", 1);
    open_named("plugin.so");
}

/* ---- exit from a handler -------------------------------------------------------------------- */

static void exits(void *arg, fini_reason why)
{
    (void)arg;
    say("exits: %s", reason(why));
    exit(3);
}

CASE(exit_from_a_hook_keeps_the_handlers, .nests_exit = true, .ends = true, .status = 3,
     .expect = WHERE_UNLOADED("exits: unload\nfile: exit\nexit handler: exit\n",
                              "done\nexits: exit\nfile: exit\nexit handler: exit\n"))
{
    open_named("handlers.so");
    require_eq(plugin->remove(&hook), FINI_OK);
    hook.fn = exits;
    require_eq(plugin->add(&hook), FINI_OK);
    close_plugin(handle);
}

static void exit_in_handlers(void)
{
    open_named("handlers.so");
    int *handlers_exit = dlsym(handle, "handlers_exit");
    require(handlers_exit != NULL);
    *handlers_exit = 1;
}

/* Each handler is called once, however often exit() is. */
CASE(exit_from_the_handlers_at_unload, .unloads = true, .ends = true, .status = 3,
     .expect = "added: unload\nfile: unload\nunload handler: unload\nexit handler: exit\n")
{
    exit_in_handlers();
    close_plugin(handle);
}

CASE(exit_from_the_handlers_at_exit, .nests_exit = true, .status = 3,
     .after = "added: exit\nfile: exit\nexit handler: exit\n")
{
    exit_in_handlers();
}
