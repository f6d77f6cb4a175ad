/* SPDX-License-Identifier: MIT
 *
 * mark.c - can an exit handler tell a finalizer that exit has begun?
 *
 * The mark is a handler in nobody's list, so that only exit() runs it: __cxa_atexit with an owner
 * of its own; on Windows, where a library's handlers are always its own, atexit.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin;

static void set_mark(struct face *face)
{
    if (face->mark() != 0)
        not_here();
}

static void say_mark(struct face *face)
{
    say_if(face->marked, "set", "not set");
}

static void say_mark_of_startup(struct face *face)
{
    (void)face;
    say_mark(start_face());
}

static void ask_loaded(const char *about)
{
    (void)about;
    on_load(set_mark);
    plugin = load("plugin");
    plugin.face->on_finalizer = say_mark;
}

static void ask_startup(const char *about)
{
    (void)about;
    start_face()->on_finalizer = say_mark;
}

static void ask_loaded_by_startup(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_mark;
}

static void ask_startup_for_loaded(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_mark_of_startup;
}

static void ask_main_for_startup(const char *about)
{
    (void)about;
    set_mark(start_face());
    start_face()->on_finalizer = say_mark;
}

static void close_plugin(void)
{
    sys_close(plugin.handle);
    sys_quit();
}

static void ask_closed_by_newer_handler(const char *about)
{
    ask_loaded(about);
    atexit(close_plugin);
}

static void ask_closed_by_older_handler(const char *about)
{
    (void)about;
    atexit(close_plugin);
    ask_loaded(about);
}

static void ask_unload(const char *about)
{
    ask_loaded(about);
    sys_close(plugin.handle);
    sys_quit();
}

/* ---- one entry of the list ----------------------------------------------------------------- */

#ifndef _WIN32

typedef int register_fn(void (*fn)(void *), void *arg, void *owner);

static register_fn *find_register(void)
{
    register_fn *found;
    *(void **)&found = sys_anywhere("__cxa_atexit");
    if (found == NULL)
        not_here();
    return found;
}

static void finalize_owner(void *owner)
{
    void (*finalize)(void *);
    *(void **)&finalize = sys_anywhere("__cxa_finalize");
    if (finalize == NULL)
        not_here();
    finalize(owner);
}

static void say_arg(void *arg)
{
    say(arg);
}

static void ask_owner(const char *about)
{
    static char one[] = "one", two[] = "two";
    (void)about;
    find_register()(say_arg, one, one);
    find_register()(say_arg, two, two);
    finalize_owner(one);
    say("exit");
}

static sigset_t *set;

static void say_set(struct face *face)
{
    (void)face;
    say_if(sigismember(set, SIGTERM) == 1, "yes", "no");
}

static void ask_libc_function(const char *about)
{
    void (*fill)(void *);
    (void)about;
    set = malloc(sizeof *set);
    if (set == NULL)
        cannot("allocate");
    memset(set, 0, sizeof *set);
    *(void **)&fill = sys_anywhere("sigfillset");
    plugin = load("plugin");
    find_register()(fill, set, set);
    plugin.face->on_finalizer = say_set;
}

#else
#define ask_owner NULL
#define ask_libc_function NULL
#endif

static const struct question questions[] = {
    {.id = "mark.loaded", .ask = ask_loaded,
     .text = "set by a loaded library's constructor: when it is finalized at exit?"},
    {.id = "mark.startup", .ask = ask_startup, .startup = "mark",
     .text = "set by a start-up library's constructor: when it is finalized at exit?"},
    {.id = "mark.startup-for-loaded", .ask = ask_startup_for_loaded, .startup = "mark",
     .text = "set by a start-up library's constructor: when a loaded one is finalized at exit?"},
    {.id = "mark.loaded-by-startup", .ask = ask_loaded_by_startup, .startup = "open",
     .text = "set by a library that a start-up constructor loads: when it is finalized at exit?"},
    {.id = "mark.main-for-startup", .ask = ask_main_for_startup,
     .text = "set in main: when a start-up library is finalized at exit?"},
    {.id = "mark.newer-handler", .ask = ask_closed_by_newer_handler,
     .text = "when a newer exit handler unloads the library?"},
    {.id = "mark.older-handler", .ask = ask_closed_by_older_handler,
     .text = "when an older exit handler unloads the library?"},
    {.id = "mark.unload", .ask = ask_unload, .text = "when the library is unloaded before exit?"},
    {.id = "mark.owner", .ask = ask_owner,
     .text = "handlers of owners one and two: does __cxa_finalize(one) run just one, once?"},
    {.id = "mark.libc-function", .ask = ask_libc_function,
     .text = "sigfillset as exit handler: has it run when a loaded library is finalized?"},
    {0},
};

const struct theme theme_mark = {"mark: does an exit handler tell that exit has begun", questions};
