/* SPDX-License-Identifier: MIT
 *
 * meet.c - when an exit meets an unload, another exit, or itself.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdlib.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin, other, top;

/* ---- unload inside exit -------------------------------------------------------------------- */

static void close_plugin(void)
{
    sys_close(plugin.handle);
}

static void close_and_say_fate(void)
{
    close_plugin();
    say_fate(plugin.code);
}

static void load_counted(void)
{
    plugin = load("plugin");
    plugin.face->on_finalizer = count_end;
}

static void ask_older_handler(const char *about)
{
    (void)about;
    atexit(close_and_say_fate);
    load_counted();
}

static void ask_newer_handler(const char *about)
{
    (void)about;
    load_counted();
    atexit(close_and_say_fate);
}

static void close_and_say_fate_of(struct face *face)
{
    (void)face;
    close_and_say_fate();
}

static void ask_finalizer_of_stranger(const char *about)
{
    (void)about;
    load_counted();
    other = load("other");
    other.face->on_finalizer = close_and_say_fate_of;
}

/* top is finalized, then plugin, on which it depends, and which closes it. */
static void close_top(struct face *face)
{
    (void)face;
    sys_close(top.handle);
    say_fate(top.code);
}

static void load_top(void (*at_end)(struct face *))
{
    plugin = load("plugin");
    top = load("top");
    plugin.face->on_finalizer = close_top;
    top.face->on_finalizer = at_end;
}

static void ask_finalizer_of_dependency(const char *about)
{
    (void)about;
    load_top(count_end);
}

#ifndef _WIN32
/* A destructor for the exiting thread, charged to the image: nothing runs it any more. */
static void count_and_keep(struct face *face)
{
    int (*at_thread_end)(void *, void *, const void *);
    *(void **)&at_thread_end = sys_anywhere("__cxa_thread_atexit_impl");
    if (at_thread_end == NULL)
        not_here();
    count_end(face);
    at_thread_end(sys_anywhere("sigfillset"), NULL, top.code);
}

static void ask_kept_from_dependency(const char *about)
{
    (void)about;
    load_top(count_and_keep);
}
#else
#define ask_kept_from_dependency NULL
#endif

static void close_own(struct face *face)
{
    (void)face;
    sys_close(plugin.handle);
}

static void close_own_twice(struct face *face)
{
    close_own(face);
    close_own(face);
}

static void ask_own_handle(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = close_own;
}

static void ask_own_handle_twice(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = close_own_twice;
}

/* ---- unload by another thread -------------------------------------------------------------- */

static void say_fate_after_other_thread(struct face *face)
{
    (void)face;
    if (!within_moment(close_plugin))
        say("never");
    say_if(sys_mapped(plugin.code), "stays", "goes");
}

static void ask_during_own_handler(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_handler = say_fate_after_other_thread;
    plugin.face->register_handler();
}

static void ask_during_finalizer(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_fate_after_other_thread;
}

/* ---- exits that meet ----------------------------------------------------------------------- */

static void say_of_thread(const char *of_first, const char *of_second)
{
    say(sys_is_first_thread() ? of_first : of_second);
}

static struct sys_event inside, never;

static void say_a(void)
{
    say_of_thread("1:a", "2:a");
}

static void say_b(void)
{
    say_of_thread("1:b", "2:b");
}

static void say_c_and_stay(void)
{
    say_of_thread("1:c", "2:c");
    sys_set(&inside);
    sys_wait(&never, MOMENT * 10);
}

/* By either thread: on Windows that is a matter of chance. */
static void say_finalizer(struct face *face)
{
    (void)face;
    say("finalizer");
}

static void exit_when_inside(void *unused)
{
    (void)unused;
    if (sys_wait(&inside, FOREVER))
        exit(0);
}

static void ask_two_exits(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_finalizer;
    atexit(say_a);
    atexit(say_b);
    atexit(say_c_and_stay);
    start(exit_when_inside, NULL);
}

static void say_finalizer_and_stay(struct face *face)
{
    say_finalizer(face);
    sys_set(&inside);
    sys_wait(&never, MOMENT * 10);
    say("through");
}

/* Of the two, top is finalized first. */
static void load_two(void (*at_end_of_top)(struct face *))
{
    plugin = load("plugin");
    top = load("top");
    plugin.face->on_finalizer = say_name;
    top.face->on_finalizer = at_end_of_top;
}

static void ask_two_exits_in_finalizer(const char *about)
{
    (void)about;
    load_two(say_finalizer_and_stay);
    start(exit_when_inside, NULL);
}

static void say_b_and_exit(void)
{
    say_b();
    exit(0);
}

static void ask_exit_in_handler(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_finalizer;
    atexit(say_a);
    atexit(say_b_and_exit);
}

static void say_and_exit(struct face *face)
{
    say_name(face);
    exit(0);
}

static void ask_exit_in_finalizer(const char *about)
{
    (void)about;
    load_two(say_and_exit);
}

static void ask_exit_in_unload(const char *about)
{
    (void)about;
    other = load("other");
    other.face->on_finalizer = say_name;
    plugin = load("plugin");
    plugin.face->on_finalizer = say_and_exit;
    atexit(say_a);
    close_plugin();
    say("back");
}

/* Another thread leaves while a finalizer of an unload runs. */
static void stay_in_unload(struct face *face)
{
    say_name(face);
    sys_set(&inside);
    sys_wait(&never, MOMENT * 10);
    say("through");
}

static void close_in_thread(void *unused)
{
    (void)unused;
    close_plugin();
}

static void ask_exit_during_unload(const char *about)
{
    (void)about;
    atexit(say_a);
    other = load("other");
    other.face->on_finalizer = say_name;
    plugin = load("plugin");
    plugin.face->on_finalizer = stay_in_unload;
    start(close_in_thread, NULL);
    if (!sys_wait(&inside, FOREVER))
        say("no unload");
}

/* ---- handlers that were left behind -------------------------------------------------------- */

static void load_speaking_handler(void)
{
    plugin = load("plugin");
    plugin.face->on_handler = say_name;
}

static void ask_left_with_program(const char *about)
{
    (void)about;
    load_speaking_handler();
    atexit(plugin.face->handler);
    close_plugin();
    say_if(sys_mapped(plugin.code), "stays", "goes");
}

static void ask_left_with_library(const char *about)
{
    (void)about;
    load_speaking_handler();
    other = load("other");
    other.face->register_for(plugin.face->handler);
    close_plugin();
    say_if(sys_mapped(plugin.code), "stays", "goes");
}

static const struct question questions[] = {
    {.id = "meet.older-handler", .ask = ask_older_handler,
     .text = "an exit handler older than the library unloads it"},
    {.id = "meet.newer-handler", .ask = ask_newer_handler,
     .text = "an exit handler newer than the library unloads it"},
    {.id = "meet.stranger", .ask = ask_finalizer_of_stranger,
     .text = "a finalizer at exit unloads another library, which is not yet finalized"},
    {.id = "meet.dependency", .ask = ask_finalizer_of_dependency,
     .text = "a finalizer at exit unloads a library that depends on it, and is finalized already"},
    {.id = "meet.dependency-kept", .ask = ask_kept_from_dependency,
     .text = "the same, when the first has called __cxa_thread_atexit_impl in its finalizer"},
    {.id = "meet.own-handle", .ask = ask_own_handle,
     .text = "a finalizer at exit closes its own handle"},
    {.id = "meet.own-handle-twice", .ask = ask_own_handle_twice,
     .text = "a finalizer at exit closes its own handle once more than it was opened"},
    {.id = "meet.unload-during-handler", .ask = ask_during_own_handler,
     .text = "another thread unloads a library while exit runs its exit handler"},
    {.id = "meet.unload-during-finalizer", .ask = ask_during_finalizer,
     .text = "another thread unloads a library while exit runs its finalizer"},
    {.id = "meet.two-exits", .ask = ask_two_exits,
     .text = "thread 1 is in handler c, newer than b and a, when thread 2 calls exit"},
    {.id = "meet.two-exits-finalizer", .ask = ask_two_exits_in_finalizer,
     .text = "thread 1 is in a finalizer at exit when thread 2 calls exit; plugin would be next"},
    {.id = "meet.exit-in-handler", .ask = ask_exit_in_handler,
     .text = "handler b, newer than a, calls exit"},
    {.id = "meet.exit-in-finalizer", .ask = ask_exit_in_finalizer,
     .text = "top calls exit in its finalizer at exit; plugin would be next"},
    {.id = "meet.exit-in-unload", .ask = ask_exit_in_unload, .depends = PATCHES,
     .text = "plugin calls exit in its finalizer at unload; there are handler a and other"},
    {.id = "meet.exit-during-unload", .ask = ask_exit_during_unload,
     .text = "main returns while a thread is in a finalizer at unload; there are a and other"},
    {.id = "meet.left-with-program", .ask = ask_left_with_program,
     .text = "the program registers an exit handler of a library that is then unloaded"},
    {.id = "meet.left-with-library", .ask = ask_left_with_library,
     .text = "another library registers an exit handler of one that is then unloaded"},
    {0},
};

const struct theme theme_meet = {"meet: exit and unload, exit and exit", questions};
