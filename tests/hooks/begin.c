/* SPDX-License-Identifier: MIT
 *
 * FINI_ON_EXIT_BEGIN in a plugin: as early in exit() as glibc allows.
 *
 * Decides: what runs before what, and that nothing of it is left behind when the plugin goes.
 * Leaves to others: a library loaded at start-up (begin_startup.c).
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#ifndef HARNESS_NEVER_UNLOADS
#include <malloc.h>
#endif

#include "harness.h"
#include "plugin.h"

static const struct plugin *plugin;
static void *handle;
static struct fini_hook begin_hook, exit_hook, unload_hook;

static void set(struct fini_hook *hook, const char *text, unsigned when)
{
    *hook = (struct fini_hook){.fn = plugin->speak, .arg = (void *)(size_t)text, .when = when};
    require_eq(plugin->add(hook), FINI_OK);
}

static void open_with_hooks(void)
{
    handle = open_plugin("plugin.so", &plugin);
    set(&begin_hook, "begin", FINI_ON_EXIT_BEGIN);
    set(&exit_hook, "hook", FINI_ON_EXIT);
    set(&unload_hook, "unload hook", FINI_ON_UNLOAD);
}

static void earlier(void)
{
    say("earlier handler of the program");
}

static void later(void)
{
    say("later handler of the program");
}

static void last_words(void)
{
    say("destructor of the plugin");
}

/* ---- the order ------------------------------------------------------------------------------ */

CASE(before_earlier_handlers,
     .after = "later handler of the program\nbegin: exit\n" IN_ONE_LIST("hook: exit\n", "")
              "earlier handler of the program\n" IN_ONE_LIST("", "hook: exit\n"))
{
    require_eq(atexit(earlier), 0);
    open_with_hooks();
    require_eq(atexit(later), 0);
}

CASE(before_own_destructors, .after = "begin: exit\ndestructor of the plugin\n")
{
    handle = open_plugin("plugin.so", &plugin);
    plugin->at_end(last_words);
    set(&begin_hook, "begin", FINI_ON_EXIT_BEGIN);
}

static void ask(void *arg, fini_reason why)
{
    (void)arg;
    say("told %s, asked %s", reason(why), reason(plugin->why()));
    say("exiting: %d", plugin->exiting());
}

CASE(exit_is_known_in_it, .expect = "exiting before: 0\n",
     .after = "told exit, asked exit\nexiting: 1\n")
{
    handle = open_plugin("plugin.so", &plugin);
    begin_hook = (struct fini_hook){.fn = ask, .when = FINI_ON_EXIT_BEGIN};
    require_eq(plugin->add(&begin_hook), FINI_OK);
    say("exiting before: %d", plugin->exiting());
}

CASE(newest_first, .after = "second: exit\nfirst: exit\n")
{
    handle = open_plugin("plugin.so", &plugin);
    set(&begin_hook, "first", FINI_ON_EXIT_BEGIN);
    set(&exit_hook, "second", FINI_ON_EXIT_BEGIN);
}

/* Both moments in one hook: it runs at the first of them, once. */
CASE(once_with_on_exit, .after = "both: exit\nearlier handler of the program\n")
{
    require_eq(atexit(earlier), 0);
    handle = open_plugin("plugin.so", &plugin);
    set(&begin_hook, "both", FINI_ON_EXIT_BEGIN | FINI_ON_EXIT);
}

static void exits(void *arg, fini_reason why)
{
    (void)arg;
    say("exits: %s", reason(why));
    exit(3);
}

/* What is left of the hooks runs when the plugin is finalized. */
CASE(exits_again, .nests_exit = true, .status = 3,
     .after = IN_ONE_LIST("exits: exit\nhook: exit\nbegin: exit\nearlier handler of the program\n",
                          "exits: exit\nearlier handler of the program\nhook: exit\nbegin: exit\n"))
{
    static struct fini_hook exit_again;
    require_eq(atexit(earlier), 0);
    open_with_hooks();
    exit_again = (struct fini_hook){.fn = exits, .when = FINI_ON_EXIT_BEGIN};
    require_eq(plugin->add(&exit_again), FINI_OK);
}

/* ---- nothing is left behind ----------------------------------------------------------------- */

CASE(removed, .after = "hook: exit\n")
{
    open_with_hooks();
    require_eq(plugin->remove(&begin_hook), FINI_OK);
}

CASE(unloaded, .unloads = true, .expect = "unload hook: unload\nclosed\n",
     .after = "earlier handler of the program\n")
{
    require_eq(atexit(earlier), 0);
    open_with_hooks();
    close_plugin(handle);
    say("closed");
}

static void close_it(void)
{
    close_plugin(handle);
}

/* The handler comes before the earliest moment that libfini has: all hooks run in the unload. */
CASE(unloaded_by_a_later_handler, .unloads = true,
     .after = "begin: unload at exit\nhook: unload at exit\nunload hook: unload at exit\n")
{
    handle = open_plugin("plugin.so", &plugin);
    set(&unload_hook, "unload hook", FINI_ON_UNLOAD);
    set(&exit_hook, "hook", FINI_ON_EXIT);
    set(&begin_hook, "begin", FINI_ON_EXIT_BEGIN);
    require_eq(atexit(close_it), 0);
}

static void reload(int times)
{
    for (int i = 0; i < times; i++) {
        handle = open_plugin("plugin.so", &plugin);
        begin_hook = (struct fini_hook)SPEAKER(plugin, "begin", FINI_ON_EXIT_BEGIN);
        require_eq(plugin->add(&begin_hook), FINI_OK);
        close_plugin(handle);
    }
}

static size_t heap_in_use(void)
{
#if defined(HARNESS_NEVER_UNLOADS)
    return 0;
#elif __GLIBC_PREREQ(2, 33)
    return mallinfo2().uordblks;
#else
    return (size_t)mallinfo().uordblks;
#endif
}

/* libc keeps 32 handlers in a block of a kilobyte and never frees one. */
CASE(reloaded, .unloads = true, .timeout = 30)
{
    reload(10);
    size_t before = heap_in_use();
    reload(1000);
    require(heap_in_use() < before + 4096);
}

CASE(reloaded_and_kept, .unloads = true, .after = "begin: exit\nhook: exit\n", .timeout = 30)
{
    reload(1000);
    open_with_hooks();
}

/* ---- an unload meanwhile -------------------------------------------------------------------- */

static struct tally *tally;

static void *close_when_begun(void *arg)
{
    (void)arg;
    while (atomic_load(&tally->begun) == 0)
        nap(100);
    close_plugin(handle);
    if (atomic_load(&tally->ended) != 1)
        _exit(9); /* the hook was still running: its code is gone */
    return NULL;
}

/* The hook is code of the plugin: without the wait it returns into nothing. */
static void exit_and_unload(void *arg)
{
    pthread_t thread;
    (void)arg;
    handle = open_plugin("plugin.so", &plugin);
    begin_hook = (struct fini_hook){.fn = plugin->count, .arg = tally, .when = FINI_ON_EXIT_BEGIN};
    require_eq(plugin->add(&begin_hook), FINI_OK);
    require_eq(pthread_create(&thread, NULL, close_when_begun, NULL), 0);
}

CASE(unload_waits_for_it, .unloads = true, .timeout = 60)
{
    tally = shared_memory(sizeof *tally);
    for (int run = 0; run < 20; run++) {
        *tally = (struct tally){.nap_us = 20000};
        require_eq(in_child(exit_and_unload, NULL, 5), 0);
        require_eq(tally->begun, 1);
        require_eq(tally->ended, 1);
    }
}
