/* SPDX-License-Identifier: MIT
 *
 * unload.c - what closing a library does, and what its finalizer may do then.
 */
#include <stdlib.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin, other;

static void load_plugin(void (*at_end)(struct face *))
{
    plugin = load("plugin");
    plugin.face->on_finalizer = at_end;
}

/* Exit would run the finalizer where closing has not. */
static void close_and_quit(void)
{
    sys_close(plugin.handle);
    sys_quit();
}

static void ask_finalizes(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    close_and_quit();
}

static void ask_unmaps(const char *about)
{
    (void)about;
    plugin = load("plugin");
    sys_close(plugin.handle);
    say_if(sys_mapped(plugin.code), "no", "yes");
    sys_quit();
}

static void ask_runs_handler(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_handler = say_yes;
    plugin.face->register_handler();
    close_and_quit();
}

static void ask_at_exit_again(const char *about)
{
    (void)about;
    load_plugin(say_name);
    sys_close(plugin.handle);
    say("exit");
}

/* ---- other libraries in a finalizer -------------------------------------------------------- */

static void close_other(struct face *face)
{
    (void)face;
    say("begin");
    sys_close(other.handle);
    say("end");
}

static void ask_nested(const char *about)
{
    (void)about;
    other = load("other");
    other.face->on_finalizer = say_name;
    load_plugin(close_other);
    sys_close(plugin.handle);
    say_if(sys_mapped(other.code), "stays", "goes");
    sys_quit();
}

static void open_other(struct face *face)
{
    (void)face;
    say_if(sys_open("other", SYS_PLAIN) != NULL, "yes", "no");
}

static void ask_open(const char *about)
{
    (void)about;
    load_plugin(open_other);
    close_and_quit();
}

static void say_constructed(struct face *face)
{
    say("constructed");
    say(face->name);
}

static void find_self(struct face *face)
{
    (void)face;
    say_if(sys_open("plugin", SYS_PRESENT) != NULL, "found", "not found");
}

static void ask_find_self(const char *about)
{
    (void)about;
    load_plugin(find_self);
    on_load(say_constructed);
    sys_close(plugin.handle);
    say_if(sys_mapped(plugin.code), "stays", "goes");
    sys_quit();
}

static void ask_find_self_at_exit(const char *about)
{
    (void)about;
    load_plugin(find_self);
    on_load(say_constructed);
}

static void open_dependent(struct face *face)
{
    face->on_finalizer = NULL;
    say_if(sys_open("top", SYS_PLAIN) != NULL, "opened", "not opened");
}

static void ask_open_dependent(const char *about)
{
    (void)about;
    load_plugin(open_dependent);
    on_load(say_constructed);
    sys_close(plugin.handle);
    say_if(sys_mapped(plugin.code), "stays", "goes");
    sys_quit();
}

static void pin_self(struct face *face)
{
    (void)face;
    say_if(sys_open("plugin", SYS_PIN) != NULL, "pinned", "not pinned");
}

static void ask_pin_in_finalizer(const char *about)
{
    (void)about;
    load_plugin(pin_self);
    sys_close(plugin.handle);
    say_if(sys_mapped(plugin.code), "stays", "goes");
    sys_quit();
}

/* ---- loads that fail ----------------------------------------------------------------------- */

static void say_life(struct face *face)
{
    say(face->name);
    face->on_finalizer = say_name;
}

static void ask_failed_load(const char *about)
{
    (void)about;
    on_load(say_life);
    say_if(sys_open("broken", SYS_PLAIN) == NULL, "failed", "loaded");
    sys_quit();
}

static struct sys_event used, end;

static void use_value(void *unused)
{
    (void)unused;
    if (plugin.face->register_value() != 0)
        not_here();
    sys_set(&used);
    sys_wait(&end, FOREVER);
}

/* A library that only a thread_local object has kept, when its thread has ended. */
static void ask_failed_load_sweeps(const char *about)
{
    struct sys_thread *thread;
    (void)about;
    load_plugin(say_name);
    thread = start(use_value, NULL);
    if (!sys_wait(&used, FOREVER))
        cannot("wait for a thread");
    sys_close(plugin.handle);
    sys_set(&end);
    sys_join(thread);
    say("thread-ended");
    say_if(sys_open("broken", SYS_PLAIN) == NULL, "failed", "loaded");
    say_if(sys_mapped(plugin.code), "stays", "goes");
    sys_quit();
}

/* ---- what is left behind ------------------------------------------------------------------- */

static void in_child(void)
{
    say("child");
}

static void ask_fork_handler(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_fork = say_name;
    if (plugin.face->register_fork() != 0)
        not_here();
    sys_close(plugin.handle);
    sys_fork(in_child);
    sys_quit();
}

static struct sys_event in_body;

static void stay(void)
{
    sys_set(&in_body);
    sys_wait(&end, FOREVER);
}

static void ask_thread_inside(const char *about)
{
    static void (*call)(void) = stay;
    struct sys_thread *thread;
    (void)about;
    plugin = load("plugin");
    thread = start(plugin.face->body, &call);
    if (!sys_wait(&in_body, FOREVER))
        cannot("wait for a thread");
    sys_close(plugin.handle);
    say_if(sys_mapped(plugin.code), "stays", "goes");
    sys_set(&end);
    sys_join(thread);
    sys_quit();
}

static const struct question questions[] = {
    {.id = "unload.finalizes", .ask = ask_finalizes,
     .text = "does closing a library finalize it?"},
    {.id = "unload.unmaps", .ask = ask_unmaps, .text = "does closing a library unmap it?"},
    {.id = "unload.runs-handler", .ask = ask_runs_handler,
     .text = "does closing a library run its exit handler (atexit)?"},
    {.id = "unload.once", .ask = ask_at_exit_again,
     .text = "closing, then exit: when is it finalized, and how often?"},
    {.id = "unload.close-other", .ask = ask_nested,
     .text = "a finalizer closes other: is that finalized within, or later? and then?"},
    {.id = "unload.open-other", .ask = ask_open,
     .text = "can a finalizer at unload load another library?"},
    {.id = "unload.find-self", .ask = ask_find_self,
     .text = "a finalizer at unload asks for itself with RTLD_NOLOAD"},
    {.id = "unload.find-self-at-exit", .ask = ask_find_self_at_exit,
     .text = "a finalizer at exit asks for itself with RTLD_NOLOAD"},
    {.id = "unload.pin-self", .ask = ask_pin_in_finalizer,
     .text = "a finalizer at unload pins itself"},
    {.id = "unload.open-dependent", .ask = ask_open_dependent, .depends = PATCHES,
     .text = "a finalizer at unload loads a library that depends on it"},
    {.id = "unload.failed-load", .ask = ask_failed_load,
     .text = "a load fails: what is constructed and finalized of broken and plugin, its need?"},
    {.id = "unload.failed-load-sweeps", .ask = ask_failed_load_sweeps,
     .text = "a load fails: is a closed library finalized that an ended thread had kept?"},
    {.id = "unload.fork-handler", .ask = ask_fork_handler,
     .text = "a fork handler of a library that is then unloaded: what runs at fork?"},
    {.id = "unload.thread-inside", .ask = ask_thread_inside,
     .text = "a library is closed while a thread is called from within it"},
    {0},
};

const struct theme theme_unload = {"unload: what closing does", questions};
