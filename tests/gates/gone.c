/* SPDX-License-Identifier: MIT
 *
 * Nothing of a gate outlives its image: a library that uses one is loaded and unloaded many times.
 *
 * Decides: the oracle, which is the process's own map.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "harness.h"
#include "visited.h"

enum { RELOADS = 100 };

/* What the process has mapped, in pages. */
static long pages_mapped(void)
{
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    require(file && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages;
}

static void visit_and_unload(const char *path)
{
    unsigned visits = 0;
    __typeof__(visited_begin) *begin;
    void *image = dlopen(path, RTLD_NOW);
    require(image != NULL);
    *(void **)&begin = dlsym(image, "visited_begin");
    begin(&visits);
    require_eq(visits, 1);
    require_eq(dlclose(image), 0);
    require_eq(visits, 3);
    require(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
}

CASE(reloads_leave_no_page)
{
    char path[PATH_MAX];
    harness_path(path, "gate-visited.so");
    visit_and_unload(path);
    long pages = pages_mapped();
    for (int n = 0; n < RELOADS; n++)
        visit_and_unload(path);
    require_eq(pages_mapped(), pages);
}
