/* SPDX-License-Identifier: MIT
 *
 * order.c - in which order things run, at exit and at unload.
 */
#include <stdlib.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin, other, top;

static void say_finalizer(struct face *face)
{
    (void)face;
    say("finalizer");
}

static void say_handler(struct face *face)
{
    (void)face;
    say("handler");
}

static void say_before(void)
{
    say("older");
}

static void say_after(void)
{
    say("newer");
}

static void ask_handlers(const char *about)
{
    (void)about;
    atexit(say_before);
    plugin = load("plugin");
    plugin.face->on_finalizer = say_finalizer;
    atexit(say_after);
}

static void watch_own(struct face *face)
{
    face->on_handler = say_handler;
    face->on_finalizer = say_finalizer;
    face->register_handler();
}

static void ask_own_at_exit(const char *about)
{
    (void)about;
    plugin = load("plugin");
    watch_own(plugin.face);
}

static void ask_own_in_constructor_at_exit(const char *about)
{
    (void)about;
    on_load(watch_own);
    plugin = load("plugin");
}

static void ask_own_at_unload(const char *about)
{
    ask_own_at_exit(about);
    sys_close(plugin.handle);
    sys_quit();
}

static void ask_own_of_startup(const char *about)
{
    (void)about;
    watch_own(start_face());
}

/* It depends on plugin, which is thereby loaded too. */
static void load_top(void)
{
    plugin = load("plugin");
    top = load("top");
    sys_close(plugin.handle);
    plugin.face->on_finalizer = say_name;
    top.face->on_finalizer = say_name;
}

static void ask_dependents_at_exit(const char *about)
{
    (void)about;
    load_top();
}

static void ask_dependents_at_unload(const char *about)
{
    (void)about;
    load_top();
    sys_close(top.handle);
    sys_quit();
}

static void ask_strangers(const char *about)
{
    (void)about;
    plugin = load("plugin");
    other = load("other");
    plugin.face->on_finalizer = say_name;
    other.face->on_finalizer = say_name;
}

static void ask_startup(const char *about)
{
    (void)about;
    start_face()->on_finalizer = say_name;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_name;
}

#ifdef __GNUC__
static int program_speaks;

__attribute__((destructor)) static void end_of_program(void)
{
    if (program_speaks)
        say("program");
}

static void ask_program(const char *about)
{
    (void)about;
    program_speaks = 1;
    atexit(say_after);
    ask_startup(NULL);
}
#else
#define ask_program NULL
#endif

/* ---- what belongs to a thread -------------------------------------------------------------- */

static void say_value(struct face *face)
{
    (void)face;
    say("thread_local");
}

static void LIBRARY_CALL say_key(void *unused)
{
    (void)unused;
    say("key");
}

static void use_both(void *unused)
{
    (void)unused;
    sys_key_set(sys_key_create(say_key));
    plugin.face->on_value = say_value;
    if (plugin.face->register_value() != 0)
        not_here();
}

static void ask_thread_locals_at_exit(const char *about)
{
    ask_handlers(about);
    use_both(NULL);
}

static void ask_thread_locals_at_thread_end(const char *about)
{
    (void)about;
    plugin = load("plugin");
    sys_join(start(use_both, NULL));
    sys_quit();
}

static struct sys_event used;

static void use_and_stay(void *unused)
{
    use_both(unused);
    sys_set(&used);
    sys_sleep(FOREVER * 2);
}

static void ask_thread_locals_of_others(const char *about)
{
    (void)about;
    plugin = load("plugin");
    start(use_and_stay, NULL);
    if (!sys_wait(&used, FOREVER))
        cannot("wait for a thread");
}

static void ask_key_at_exit(const char *about)
{
    (void)about;
    sys_key_set(sys_key_create(say_key));
}

static const struct question questions[] = {
    {.id = "order.handlers", .ask = ask_handlers,
     .text = "at exit: a loaded library's finalizer, and the program's handlers older and newer"},
    {.id = "order.own-at-exit", .ask = ask_own_at_exit,
     .text = "at exit: a library's finalizer, and its own exit handler"},
    {.id = "order.own-in-constructor", .ask = ask_own_in_constructor_at_exit,
     .text = "the same, with the handler registered in its constructor"},
    {.id = "order.own-of-startup", .ask = ask_own_of_startup,
     .text = "the same in a start-up library, with the handler registered in main"},
    {.id = "order.own-at-unload", .ask = ask_own_at_unload,
     .text = "at unload: a library's finalizer, and its own exit handler"},
    {.id = "order.dependents-at-exit", .ask = ask_dependents_at_exit,
     .text = "at exit: top, which depends on plugin"},
    {.id = "order.dependents-at-unload", .ask = ask_dependents_at_unload,
     .text = "at unload: top, which depends on plugin"},
    {.id = "order.strangers", .ask = ask_strangers,
     .text = "at exit: plugin, and other, loaded later"},
    {.id = "order.startup", .ask = ask_startup,
     .text = "at exit: a start-up library, and a loaded one"},
    {.id = "order.program", .ask = ask_program,
     .text = "at exit: the program's destructor, a newer handler of its own, start, plugin"},
    {.id = "order.values-at-exit", .ask = ask_thread_locals_at_exit,
     .text = "at exit: key and thread_local destructors of the exiting thread, and the rest"},
    {.id = "order.values-at-thread-end", .ask = ask_thread_locals_at_thread_end,
     .text = "at a thread's end: key and thread_local destructors"},
    {.id = "order.values-of-others", .ask = ask_thread_locals_of_others,
     .text = "at exit: which destructors of another thread's values run?"},
    {.id = "order.key-at-exit", .ask = ask_key_at_exit,
     .text = "at exit: does the exiting thread's key (fiber-local on Windows) destructor run?"},
    {0},
};

const struct theme theme_order = {"order: what runs before what", questions};
