/* SPDX-License-Identifier: MIT
 *
 * host.c - a program that loads the plugin, uses it, and ends in one of several ways.
 *
 *     host WAY PLUGIN JOURNAL
 *
 * It knows nothing of libfini, and none of its ways is unusual. Its exit status is 0 when all
 * went well; STAYED_LOADED when the plugin could not be unloaded.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "notes.h"
#include "outcome.h"

static const char *plugin_path;
static const char *journal_path;
static void *plugin;
static const struct notes *notes;

/* ---- small things -------------------------------------------------------------------------- */

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "host: %s\n", what);
    _Exit(EXIT_FAILURE);
}

/* The program goes on for a while, long enough for the plugin's thread to wake up. */
static void go_on(void)
{
    const struct timespec while_ = {0, 30000000};
    nanosleep(&while_, NULL);
}

static void load(void)
{
    plugin = dlopen(plugin_path, RTLD_NOW);
    if (plugin == NULL)
        fail(dlerror());
    notes = dlsym(plugin, "notes");
    if (notes == NULL || notes->open(journal_path) != 0 || notes->add("first") != 0)
        fail("the plugin does not work");
}

static void unload(void)
{
    dlclose(plugin);
    if (dlopen(plugin_path, RTLD_NOW | RTLD_NOLOAD) != NULL)
        _Exit(STAYED_LOADED);
}

static void last_note(void)
{
    notes->add("last");
}

/* ---- a thread that is inside the plugin ---------------------------------------------------- */

static atomic_bool is_inside;

static void *stay_inside(void *unused)
{
    (void)unused;
    for (;;) {
        notes->count("first");
        atomic_store(&is_inside, true);
    }
    return NULL;
}

static void send_thread_inside(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, stay_inside, NULL) != 0)
        fail("no thread");
    while (!atomic_load(&is_inside))
        sched_yield();
}

/* ---- what plugins may leave with us -------------------------------------------------------- */

static void (*goodbyes[8])(void);

static void replace_goodbye(void (*old)(void), void (*new)(void))
{
    size_t i = 0;
    while (i < sizeof goodbyes / sizeof *goodbyes && goodbyes[i] != old)
        i++;
    if (i == sizeof goodbyes / sizeof *goodbyes)
        fail("no such goodbye, or no room for it");
    goodbyes[i] = new;
}

static void add_goodbye(void (*goodbye)(void))
{
    replace_goodbye(NULL, goodbye);
}

static void remove_goodbye(void (*goodbye)(void))
{
    replace_goodbye(goodbye, NULL);
}

static void say_goodbye(void)
{
    for (size_t i = 0; i < sizeof goodbyes / sizeof *goodbyes; i++)
        if (goodbyes[i] != NULL)
            goodbyes[i]();
}

/* ---- the ways to end ----------------------------------------------------------------------- */

static void end_unload(void)
{
    load();
    unload();
    go_on();
}

static void end_exit(void)
{
    load();
    send_thread_inside();
    exit(EXIT_SUCCESS);
}

/* As a plugin manager does that is a static object. */
static void end_unload_in_exit(void)
{
    atexit(unload);
    load();
    exit(EXIT_SUCCESS);
}

static void end_goodbye(void)
{
    static const struct notes_host us = {add_goodbye, remove_goodbye};
    load();
    if (notes->follow(&us) != 0)
        fail("the plugin does not follow");
    unload();
    say_goodbye();
}

static void end_reload(void)
{
    for (int i = 0; i < 3; i++) {
        load();
        unload();
        go_on();
    }
    end_exit();
}

/* The child ends as the parent would: a child that crashes or hangs lets the parent do the same. */
static void end_fork(void)
{
    int status = 0;
    load();
    pid_t child = fork();
    if (child == 0) {
        alarm(TIME_LIMIT);
        exit(EXIT_SUCCESS);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        fail("no child");
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
}

static void end_last_note(void)
{
    atexit(last_note);
    load();
    exit(EXIT_SUCCESS);
}

static const struct {
    const char *name;
    void (*end)(void);
} ways[] = {
    {"unload", end_unload},
    {"exit", end_exit},
    {"unload-in-exit", end_unload_in_exit},
    {"goodbye", end_goodbye},
    {"reload", end_reload},
    {"fork", end_fork},
    {"last-note", end_last_note},
};

int main(int argc, char **argv)
{
    extern const int slow_used;
    if (argc != 4 || !slow_used)
        fail("usage: host WAY PLUGIN JOURNAL");
    plugin_path = argv[2];
    journal_path = argv[3];
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].end();
            return EXIT_SUCCESS;
        }
    fail("no such way");
}
