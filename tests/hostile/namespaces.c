/* SPDX-License-Identifier: MIT
 *
 * Several dlmopen namespaces at once, each with a copy of the plugin and a libc of its own.
 *
 * Decides: that each copy is told its own reason, in whatever order they go, and that a namespace
 * whose libc has gone can be used again.
 * Leaves to others: one namespace, all ways out (tests/matrix).
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"

enum { COPIES = 4, CYCLES = 60 };

struct copy {
    void *handle;
    struct report *report;
};

static struct copy copies[COPIES + 1]; /* the last is in the base namespace */
static struct report *reports;

static void open_copy(unsigned number)
{
    char path[PATH_MAX];
    Lmid_t where = number == COPIES ? LM_ID_BASE : LM_ID_NEWLM;
    struct copy *copy = &copies[number];
    copy->report = &reports[number];
    *copy->report = (struct report){0};
    copy->handle = dlmopen(where, harness_path(path, life_plugin), RTLD_NOW);
    if (!copy->handle)
        say("%s", dlerror());
    require(copy->handle != NULL);
    struct report **place = dlsym(copy->handle, "plugin_report");
    require(place != NULL);
    *place = copy->report;
}

static void open_all(void)
{
    for (unsigned n = 0; n <= COPIES; n++)
        open_copy(n);
}

static void require_told(unsigned number, fini_reason why)
{
    require_eq(atomic_load(&reports[number].runs), 1);
    require_eq(atomic_load(&reports[number].told), why);
}

static void close_copy(unsigned number)
{
    require_eq(atomic_load(&reports[number].runs), 0);
    require_eq(dlclose(copies[number].handle), 0);
    require_told(number, FINI_UNLOAD);
}

/* How many mapped files have this name: each has one line for its beginning. */
static int count_mapped(const char *name)
{
    char line[PATH_MAX + 128];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    require(maps != NULL);
    while (fgets(line, sizeof line, maps)) {
        const char *file = strchr(line, '/');
        unsigned long offset = 0;
        require_eq(sscanf(line, "%*s %*s %lx", &offset), 1);
        count += file && strstr(file, name) && offset == 0;
    }
    fclose(maps);
    return count;
}

/* Before glibc 2.34 the file has the version in its name. */
static const char *libc_name(void)
{
    return count_mapped("/libc.so") > 0 ? "/libc.so" : "/libc-2.";
}

/* Space for thread-local data of a libc comes back only where the last to come is the first to go,
 * with libfini and without. So more than the usual is needed, and that is read at start-up. */
static void get_space(const char *own_case)
{
    char path[PATH_MAX];
    if (getenv("GLIBC_TUNABLES"))
        return;
    setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=2000000", 1);
    execl(harness_path(path, "hostile-namespaces"), path, "--case", own_case, (char *)NULL);
    abort();
}

static void share_reports(void)
{
    reports = shared_memory((COPIES + 1) * sizeof *reports);
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void close_in_order(const unsigned order[COPIES + 1])
{
    open_all();
    require_eq(count_mapped(libc_name()), COPIES + 1);
    for (unsigned n = 0; n <= COPIES; n++)
        close_copy(order[n]);
    require_eq(count_mapped(life_plugin), 0);
    require_eq(count_mapped(libc_name()), 1);
}

static void permute(unsigned order[COPIES + 1], unsigned from)
{
    if (from == COPIES)
        close_in_order(order);
    for (unsigned n = from; from < COPIES && n <= COPIES; n++) {
        unsigned first = order[n];
        order[n] = order[from];
        order[from] = first;
        permute(order, from + 1);
        order[from] = order[n];
        order[n] = first;
    }
}

CASE(every_order_of_unloads, .timeout = 60)
{
    unsigned order[COPIES + 1] = {0, 1, 2, 3, COPIES};
    get_space("every_order_of_unloads");
    share_reports();
    permute(order, 0);
}

/* ---- exit ------------------------------------------------------------------------------------ */

static void exit_with_all(void *arg)
{
    (void)arg;
    open_all();
}

CASE(exit_with_all_there)
{
    share_reports();
    require_eq(in_child(exit_with_all, NULL, 5), 0);
    for (unsigned n = 0; n <= COPIES; n++)
        require_told(n, FINI_EXIT);
}

static void close_odd_ones(void)
{
    for (unsigned n = 1; n <= COPIES; n += 2)
        dlclose(copies[n].handle);
}

static void exit_and_close_some(void *arg)
{
    require_eq(atexit(close_odd_ones), 0);
    exit_with_all(arg);
}

CASE(some_are_unloaded_at_exit)
{
    share_reports();
    require_eq(in_child(exit_and_close_some, NULL, 5), 0);
    for (unsigned n = 0; n <= COPIES; n++)
        require_told(n, n % 2 ? FINI_UNLOAD_AT_EXIT : FINI_EXIT);
}

/* ---- again and again ------------------------------------------------------------------------- */

/* A process has room for 16 namespaces: this uses the same ones over and over. */
CASE(a_namespace_is_used_again, .timeout = 30)
{
    get_space("a_namespace_is_used_again");
    share_reports();
    open_copy(COPIES);
    for (unsigned n = 0; n < CYCLES; n++) {
        open_copy(0);
        open_copy(1);
        close_copy(n % 2);
        close_copy(1 - n % 2);
    }
    require_eq(count_mapped(libc_name()), 1);
    close_copy(COPIES);
}

static long pages_after_cycles(const char *plugin)
{
    long pages[2] = {0, 0};
    life_plugin = plugin;
    for (unsigned n = 0; n < 2 * CYCLES; n++) {
        open_copy(0);
        dlclose(copies[0].handle);
        FILE *statm = fopen("/proc/self/statm", "r");
        require(statm && fscanf(statm, "%ld", &pages[n >= CYCLES]) == 1);
        fclose(statm);
    }
    return (pages[1] - pages[0] + CYCLES / 2) / CYCLES;
}

/* When a namespace goes, glibc leaves the heap of its libc behind, of 1 MiB, if there is one; and
 * libfini its two pages, because nobody knows of them any more. */
CASE(a_namespace_that_goes_leaves_little, .timeout = 30)
{
    share_reports();
    long naive = pages_after_cycles("hostile-allocates.so");
    long cured = pages_after_cycles("hostile-fini.so");
    if (cured > naive + 2)
        say("pages for each namespace: %ld, with libfini %ld", naive, cured);
}
