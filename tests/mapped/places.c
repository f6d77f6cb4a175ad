/* SPDX-License-Identifier: MIT
 *
 * Holds of images that came in otherwise, or whose file is not what it was: a dependency, another
 * namespace, a relative path, a file that is deleted or replaced, another root.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

static struct image image;
static struct fini_hold hold;
static int worker;

static void *release(void *arg)
{
    (void)arg;
    worker = thread_number();
    require_eq(image.m->release(&hold), FINI_OK);
    require_stays(&image);
    return NULL;
}

static void *hold_for_thread_and_close(void *arg)
{
    (void)arg;
    worker = thread_number();
    require_eq(image.m->hold_for_thread(), FINI_OK);
    close_image(&image);
    require_stays(&image);
    return NULL;
}

/* With the image open: all that holds are for. Ends with the image gone. */
static void hold_and_release(void)
{
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_stays(&image);
    in_thread(release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* ---- the file -------------------------------------------------------------------------------- */

static char path[PATH_MAX], other_path[PATH_MAX];

static void open_copy(void)
{
    open_image_at(&image, copy_to_stage(path, "member.so", "copy.so"));
}

CASE(file_is_deleted)
{
    open_copy();
    require_eq(unlink(path), 0);
    hold_and_release();
}

CASE(file_is_deleted_and_held_for_a_thread)
{
    open_copy();
    require_eq(unlink(path), 0);
    in_thread(hold_for_thread_and_close, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

CASE(file_is_deleted_and_pinned)
{
    open_copy();
    require_eq(unlink(path), 0);
    require_eq(image.m->pin(), FINI_OK);
    close_image(&image);
    require_stays(&image);
}

/* The other library is not loaded in its place, and not touched. */
CASE(file_is_replaced)
{
    open_copy();
    copy_to_stage(other_path, "other.so", "new.so");
    require_eq(rename(other_path, path), 0);
    hold_and_release();
    open_image_at(&image, path);
    hold_and_release();
}

CASE(relative_path_and_another_folder)
{
    copy_to_stage(path, "member.so", "copy.so");
    require_eq(chdir(stage()), 0);
    open_image_at(&image, "./copy.so");
    require_eq(chdir("/"), 0);
    hold_and_release();
}

/* Found by the search path of the process, by its name alone. */
CASE(plain_name, .expect = "the image's own name\n")
{
    copy_to_stage(path, "member.so", "copy.so");
    require_eq(chdir(stage()), 0);
    open_image_at(&image, path);
    void *same = dlopen("libmember.so.1", RTLD_NOW | RTLD_NOLOAD);
    if (same == NULL)
        skip("this loader does not look at sonames");
    require(same == image.handle);
    say("the image's own name");
    dlclose(same);
    hold_and_release();
}

/* Two copies with one soname: each holds itself. */
CASE(two_copies_with_one_soname)
{
    struct image first;
    open_image(&first, "member.so");
    open_copy();
    require(first.handle != image.handle);
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&first);
    require_gone(&first, FINI_UNLOAD, 0);
    close_image(&image);
    require_stays(&image);
    in_thread(release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* Refused, it leaves nothing that the thread's end gives back. */
static void *hold_for_thread_in_vain(void *arg)
{
    require_eq(image.m->hold_for_thread(), FINI_ESYSTEM);
    return arg;
}

/* A library whose soname is the other's path, and that stands before it on the loader's list: asked
 * for that path, the loader gives this one. Then there is no reference, and no wrong one either. */
CASE(another_library_has_its_name, .unloads = true)
{
    struct image taker;
    open_image(&taker, "taker.so");
    image.handle = dlopen("plain.so", RTLD_NOW | RTLD_LOCAL);
    require(image.handle != NULL && image.handle != taker.handle);
    image.m = dlsym(image.handle, "member");
    int error = image.m->hold(&hold);
    if (error == FINI_OK)
        skip("the build folder has two names");
    require_eq(error, FINI_ESYSTEM);
    require_eq(image.m->release(&hold), FINI_ENOENT);
    require_eq(image.m->pin(), FINI_ESYSTEM);
    in_thread(hold_for_thread_in_vain, NULL);
    require_eq(image.m->traits(), TRAITS(0));
    close_image(&taker);
    require_gone(&taker, FINI_UNLOAD, 0);
    image.ending = shared_memory(sizeof *image.ending);
    image.m->tell(image.ending);
    close_image(&image);
    require_eq(image.ending->count, 1);
    open_image(&image, "plain.so");
    hold_and_release();
}

static void hold_in_other_root(void *arg)
{
    (void)arg;
    open_copy();
    require_stays(&image); /* which keeps the map open */
    require_eq(chroot(stage()), 0);
    require_eq(chdir("/"), 0);
    require(access(image.path, F_OK) != 0);
    snprintf(image.path, sizeof image.path, "copy.so"); /* as seen from here */
    hold_and_release();
    _exit(0);
}

CASE(another_root)
{
    if (geteuid() != 0)
        skip("only root can change the root");
    stage();
    require_eq(in_child(hold_in_other_root, NULL, 8), 0);
}

/* ---- the way in ------------------------------------------------------------------------------ */

CASE(linked_nodelete)
{
    open_image(&image, "nodelete.so");
    require_eq(image.m->traits(), WHERE_UNLOADED(FINI_PINNED, FINI_NEVER_UNLOADS));
    require_eq(image.m->hold(&hold), FINI_OK);
    require_eq(image.m->release(&hold), FINI_OK);
    require_eq(image.m->hold_for_thread(), FINI_OK);
    require_eq(image.m->pin(), FINI_OK);
    close_image(&image);
    require_stays(&image);
}

/* It came with another library, which goes. */
static void open_dependent(struct image *dependent)
{
    harness_path(dependent->path, "dependent.so");
    dependent->handle = dlopen(dependent->path, RTLD_NOW | RTLD_LOCAL);
    if (dependent->handle == NULL)
        say("%s", dlerror());
    require(dependent->handle != NULL);
    open_image(&image, "needed.so");
    close_image(&image);
    require_stays(&image);
}

CASE(dependency)
{
    struct image dependent;
    open_dependent(&dependent);
    require_eq(image.m->traits(), TRAITS(0));
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&dependent);
    require_unmapped(&dependent);
    require_stays(&image);
    in_thread(release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

CASE(dependency_without_a_hold)
{
    struct image dependent;
    open_dependent(&dependent);
    close_image(&dependent);
    require_unmapped(&dependent);
    require_gone(&image, FINI_UNLOAD, 0);
}

CASE(dependency_pinned_by_its_constructor)
{
    struct image dependent;
    setenv("MAPPED_CONSTRUCTOR", "pin", 1);
    open_dependent(&dependent);
    close_image(&dependent);
    require_unmapped(&dependent);
    require_stays(&image);
}

/* A case of startup.c or preloaded.c, in a program that is not linked with the library. */
static const char *preload = "member.so";

static void run_preloaded(void *name)
{
    char program[PATH_MAX], library[PATH_MAX];
    setenv("LD_PRELOAD", harness_path(library, preload), 1);
    setenv("MAPPED_OPEN", harness_path(library, "member.so"), 1);
    execl(harness_path(program, "preload-host"), "preload-host", "--case", name, (char *)NULL);
    _exit(127);
}

CASE(preloaded, .expect = "done\nmember: exit\n" "done\nmember: exit\n")
{
    char traits[] = "traits", holds[] = "holds";
    in_sound_child(run_preloaded, traits);
    in_sound_child(run_preloaded, holds);
}

CASE(opened_by_a_startup_constructor, .expect = "done\n")
{
    char name[] = "opened_by_a_startup_constructor";
    preload = "opener.so";
    in_sound_child(run_preloaded, name);
}

/* A case of preloaded.c with a constructor that holds. */
CASE(held_in_a_startup_constructor, .expect = "done\n")
{
    char name[] = "held_in_a_startup_constructor";
    setenv("MAPPED_CONSTRUCTOR", "hold", 1);
    in_sound_child(run_preloaded, name);
}

static void run_static_host(void *arg)
{
    char program[PATH_MAX], library[PATH_MAX];
    execl(harness_path(program, "static-host"), "static-host",
          harness_path(library, "member.so"), (char *)arg);
    _exit(77);
}

CASE(opened_by_a_static_program)
{
    int status = in_child(run_static_host, NULL, 8);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip("no static program can open a library here");
    require_eq(status, 0);
}

/* ---- another namespace ----------------------------------------------------------------------- */

CASE(namespace_held)
{
    open_image_in_namespace(&image, "member.so");
    require_eq(image.m->traits(), TRAITS(0));
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_stays(&image);
    in_thread(release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

CASE(namespace_held_for_a_thread)
{
    open_image_in_namespace(&image, "member.so");
    in_thread(hold_for_thread_and_close, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

CASE(namespace_pinned)
{
    open_image_in_namespace(&image, "member.so");
    require_eq(image.m->pin(), FINI_OK);
    require_eq(image.m->traits(), FINI_PINNED);
    close_image(&image);
    require_stays(&image);
}

CASE(namespace_held_in_a_constructor)
{
    setenv("MAPPED_CONSTRUCTOR", "hold", 1);
    open_image_in_namespace(&image, "member.so");
    require_eq(image.constructed->error, FINI_OK);
    close_image(&image);
    require_stays(&image);
}

/* The same file in both: each holds itself alone. */
CASE(namespace_and_main)
{
    struct image here;
    open_image(&here, "member.so");
    open_image_in_namespace(&image, "member.so");
    require(here.handle != image.handle);
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    close_image(&here);
    require_eq(here.ending->count, 1);
    require_stays(&image);
    in_thread(release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}
