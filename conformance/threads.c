/* SPDX-License-Identifier: MIT
 *
 * threads.c - values of threads and their destructors, and libraries that go at a thread's end.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "answer.h"
#include "question.h"

static struct loaded plugin;
static struct sys_event used, end;
static unsigned long key;

/* ---- keys that are left behind ------------------------------------------------------------- */

static void set_and_wait(void *unused)
{
    (void)unused;
    sys_key_set(key);
    sys_set(&used);
    sys_wait(&end, FOREVER);
}

/* A thread has a value; the library is closed; the thread ends. */
static void end_after_unload(void)
{
    struct sys_thread *thread = start(set_and_wait, NULL);
    if (!sys_wait(&used, FOREVER))
        cannot("wait for a thread");
    sys_close(plugin.handle);
    say_if(sys_mapped(plugin.code), "stays", "goes");
    sys_set(&end);
    sys_join(thread);
    say("ended");
    sys_quit();
}

static void load_with_key(void)
{
    plugin = load("plugin");
    plugin.face->on_value = say_name;
    key = sys_key_create(plugin.face->value);
}

static void ask_key_left(const char *about)
{
    (void)about;
    load_with_key();
    end_after_unload();
}

static void delete_key(struct face *face)
{
    (void)face;
    sys_key_delete(key);
}

static void ask_key_deleted(const char *about)
{
    (void)about;
    load_with_key();
    plugin.face->on_finalizer = delete_key;
    end_after_unload();
}

/* ---- order and numbers of keys ------------------------------------------------------------- */

static void LIBRARY_CALL say_a(void *unused)
{
    (void)unused;
    say("a");
}

static void LIBRARY_CALL say_b(void *unused)
{
    (void)unused;
    say("b");
}

static void LIBRARY_CALL say_c(void *unused)
{
    (void)unused;
    say("c");
}

static void set_in_wild_order(void *data)
{
    unsigned long *keys = data;
    sys_key_set(keys[1]);
    sys_key_set(keys[2]);
    sys_key_set(keys[0]);
}

static void ask_order(const char *about)
{
    unsigned long keys[3];
    (void)about;
    keys[0] = sys_key_create(say_a);
    keys[1] = sys_key_create(say_b);
    keys[2] = sys_key_create(say_c);
    sys_join(start(set_in_wild_order, keys));
    sys_quit();
}

static void ask_rising(const char *about)
{
    unsigned long a = sys_key_create(say_a), b = sys_key_create(say_b), c = sys_key_create(say_c);
    (void)about;
    say_if(b == a + 1 && c == b + 1, "yes", "no");
    sys_quit();
}

static void ask_lowest(const char *about)
{
    unsigned long a = sys_key_create(say_a);
    (void)about;
    sys_key_create(say_b);
    sys_key_delete(a);
    say_if(sys_key_create(say_c) == a, "yes", "no");
    sys_quit();
}

static unsigned long again_key;
static int agains;

static void LIBRARY_CALL set_again(void *unused)
{
    (void)unused;
    if (++agains <= 2)
        sys_key_set(again_key);
}

static void set_again_key(void *unused)
{
    (void)unused;
    sys_key_set(again_key);
}

static void ask_again(const char *about)
{
    (void)about;
    again_key = sys_key_create(set_again);
    sys_join(start(set_again_key, NULL));
    say_if(agains > 1, "yes", "no");
    sys_quit();
}

/* ---- libraries that go with a thread ------------------------------------------------------- */

#ifndef _WIN32
#include <dlfcn.h>
#include <pthread.h>

static void close_by_key(void *unused)
{
    pthread_key_t closing;
    void (*function)(void *);
    (void)unused;
    *(void **)&function = sys_anywhere("dlclose");
    pthread_key_create(&closing, function);
    pthread_setspecific(closing, plugin.handle);
}

static int (*at_thread_end)(void *fn, void *arg, const void *address);

static void find_at_thread_end(void)
{
    *(void **)&at_thread_end = sys_anywhere("__cxa_thread_atexit_impl");
    if (at_thread_end == NULL)
        not_here();
}

static void close_by_value(void *unused)
{
    (void)unused;
    at_thread_end(sys_anywhere("dlclose"), plugin.handle, sys_anywhere("dlclose"));
}

static void run_and_say_fate(void (*body)(void *))
{
    plugin = load("plugin");
    plugin.face->on_finalizer = count_end;
    sys_join(start(body, NULL));
    say_fate(plugin.code);
    sys_quit();
}

static void ask_closed_by_key(const char *about)
{
    (void)about;
    run_and_say_fate(close_by_key);
}

static void ask_closed_by_value(const char *about)
{
    (void)about;
    find_at_thread_end();
    run_and_say_fate(close_by_value);
}

static void charge_libc(void)
{
    find_at_thread_end();
    at_thread_end(sys_anywhere("sigfillset"), &key, sys_anywhere("sigfillset"));
}

static void ask_charged_to_libc(const char *about)
{
    (void)about;
    plugin = load("plugin");
    charge_libc();
    sys_close(plugin.handle);
    say_fate(plugin.code);
    sys_quit();
}

#else
#define ask_closed_by_key NULL
#define ask_closed_by_value NULL
#define ask_charged_to_libc NULL
#endif

static const struct question questions[] = {
    {.id = "threads.key-left", .ask = ask_key_left,
     .text = "a library is closed, then a thread ends that has a value under its key"},
    {.id = "threads.key-deleted", .ask = ask_key_deleted,
     .text = "the same, when the finalizer has deleted the key (Windows runs its callback then)"},
    {.id = "threads.key-order", .ask = ask_order,
     .text = "destructors of keys a, b, c, created in this order, set as b, c, a"},
    {.id = "threads.key-rising", .ask = ask_rising,
     .text = "have new keys neighbouring, rising numbers?"},
    {.id = "threads.key-lowest", .ask = ask_lowest,
     .text = "does a new key take the lowest number that is free?"},
    {.id = "threads.key-again", .ask = ask_again,
     .text = "does a destructor that sets its key again run again?"},
    {.id = "threads.closed-by-key", .ask = ask_closed_by_key,
     .text = "dlclose itself as a key's destructor, with the library's handle as value"},
    {.id = "threads.closed-by-value", .ask = ask_closed_by_value,
     .text = "dlclose itself as a thread_local destructor that is charged to libc"},
    {.id = "threads.charged-to-libc", .ask = ask_charged_to_libc,
     .text = "does a thread_local destructor that is charged to libc keep a library?"},
    {0},
};

const struct theme theme_threads = {"threads: their values and their ends", questions};
