/* SPDX-License-Identifier: MIT
 *
 * why_layout.c - the two ways of `fini why` to learn where the loader keeps its counts, compared,
 * and what it takes for not known.
 */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "live_layout.h"
#include "live_memory.h"

static void same(const struct live_member *a, const struct live_member *b)
{
    require(a->size != 0 && b->size != 0);
    require_eq(a->offset, b->offset);
}

CASE(trial_and_debug_data_agree)
{
    struct live_layout trial, debug;
    char id[BUILD_ID_SIZE];
    if (!live_build_id(getpid(), getauxval(AT_BASE), id))
        skip("the loader has no build id");
    require(live_layout_by_trial(&trial));
    if (!live_layout_by_debug_data(id, "", &debug))
        skip("no debug data of the loader");
    same(&trial.opened, &debug.opened);
    same(&trial.pinned, &debug.pinned);
    same(&trial.destructors, &debug.destructors);
    same(&trial.bound, &debug.bound);
}

/* Makes the folders of a path, or with rmdir takes them away again. */
static void make_folders(const char *root, bool make)
{
    static const char *const folders[] = {"", "/usr", "/usr/lib", "/usr/lib/debug",
                                          "/usr/lib/debug/.build-id",
                                          "/usr/lib/debug/.build-id/ab"};
    enum { COUNT = sizeof folders / sizeof *folders };
    for (int i = 0; i < COUNT; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%.3000s%s", root, folders[make ? i : COUNT - 1 - i]);
        require((make ? mkdir(path, 0700) : rmdir(path)) == 0);
    }
}

/* A file with the right name that is of another build. */
CASE(false_debug_data_do_not_count)
{
    struct live_layout layout;
    char id[BUILD_ID_SIZE], real[PATH_MAX], root[PATH_MAX], path[PATH_MAX + 64], name[32];
    if (!live_build_id(getpid(), getauxval(AT_BASE), id) ||
        !live_layout_by_debug_data(id, "", &layout))
        skip("no debug data of the loader");
    snprintf(name, sizeof name, "why_layout.%d", (int)getpid());
    harness_path(root, name);
    make_folders(root, true);
    snprintf(real, sizeof real, "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2);
    snprintf(path, sizeof path, "%s/usr/lib/debug/.build-id/ab/cdef.debug", root);
    require(symlink(real, path) == 0);
    bool taken = live_layout_by_debug_data("abcdef", root, &layout);
    unlink(path);
    make_folders(root, false);
    require(!taken);
}

CASE(trial_knows_all)
{
    struct live_layout trial;
    require(live_layout_by_trial(&trial));
    require_eq(trial.source, SOURCE_TRIAL);
    require(trial.opened.size && trial.pinned.size && trial.destructors.size && trial.bound.size);
}

CASE(another_loader_is_not_known)
{
    struct live_layout layout;
    memset(&layout, 0, sizeof layout);
    live_layout_find("0123456789abcdef0123456789abcdef01234567", "/none", &layout);
    require_eq(layout.source, SOURCE_NONE);
    require_eq(layout.opened.size + layout.pinned.size + layout.destructors.size, 0);
}

CASE(members_end_with_the_memory)
{
    static const unsigned char map[8] = {1, 2, 3, 4, 5, 6, 7, 0x88};
    struct live_member last = {7, 1, 8}, beyond = {8, 4, UINT64_MAX}, none = {0, 0, 0};
    uint64_t value = 0;
    require(live_member_read(&last, map, sizeof map, &value));
    require_eq(value, 8);
    require(!live_member_read(&beyond, map, sizeof map, &value));
    require(!live_member_read(&none, map, sizeof map, &value));
}
