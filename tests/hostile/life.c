/* SPDX-License-Identifier: MIT
 *
 * life.c - see life.h.
 */
#include "life.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../hooks/plugin.h"
#include "harness.h"

const char *life_plugin = "hostile-fini.so";
struct report *life_report;
int life_patience = 8;

static void *handle;

void life_load(void)
{
    char path[PATH_MAX];
    handle = dlopen(harness_path(path, life_plugin), RTLD_NOW | RTLD_LOCAL);
    struct report **place = handle ? dlsym(handle, "plugin_report") : NULL;
    if (!place)
        exit(0);
    *place = life_report;
    atomic_store(&life_report->loaded, 1);
}

void life_unload(void)
{
    if (dlclose(handle) != 0)
        abort();
}

static void live_unload(void)
{
    life_load();
    life_unload();
}

static void live_exit(void)
{
    life_load();
    exit(0);
}

static void unload_if_loaded(void)
{
    if (atomic_load(&life_report->loaded))
        life_unload();
}

static void live_unload_at_exit(void)
{
    if (atexit(unload_if_loaded) != 0)
        abort();
    live_exit();
}

const struct life lives[] = {
    {"unload", live_unload, FINI_UNLOAD},
    {"exit", live_exit, FINI_EXIT},
    {"unload_at_exit", live_unload_at_exit, FINI_UNLOAD_AT_EXIT},
    {NULL, NULL, FINI_RUNNING},
};

struct task {
    void (*live)(void), (*prepare)(void);
};

static void run_task(void *arg)
{
    struct task *task = arg;
    if (task->prepare)
        task->prepare();
    task->live();
}

int life_run(void (*live)(void), void (*prepare)(void))
{
    struct task task = {live, prepare};
    if (!life_report)
        life_report = shared_memory(sizeof *life_report);
    *life_report = (struct report){0};
    return in_child(run_task, &task, life_patience);
}

const char *life_wrong(int status, fini_reason why)
{
    static char text[64];
    int runs = atomic_load(&life_report->runs), told = atomic_load(&life_report->told);
    if (status == HUNG)
        return "it hangs";
    if (WIFSIGNALED(status))
        return strsignal(WTERMSIG(status));
    if (status != 0)
        return "the status";
    if (runs == atomic_load(&life_report->loaded) && (runs == 0 || told == (int)why))
        return NULL;
    snprintf(text, sizeof text, "%d runs, told %d", runs, told);
    return text;
}
