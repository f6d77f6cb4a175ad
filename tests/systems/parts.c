/* SPDX-License-Identifier: MIT
 *
 * parts.c - pins, holds, keepsakes, workers and gates by the files that systems share which nobody
 * has run. PARTS: the plugin. PARTS_REFERS, PARTS_KEEPS, PARTS_WORKS: what it can, 0 or 1.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "parts.h"

static const char *path_of_plugin(void)
{
    static char path[PATH_MAX];
    return harness_path(path, PARTS);
}

static bool is_loaded(void)
{
    void *handle = dlopen(path_of_plugin(), RTLD_NOW | RTLD_NOLOAD);
    if (handle)
        dlclose(handle);
    return handle != NULL;
}

static void *load(const struct parts **ret)
{
    void *handle = dlopen(path_of_plugin(), RTLD_NOW);
    require(handle != NULL);
    *ret = dlsym(handle, "parts");
    require(*ret != NULL);
    return handle;
}

static void in_thread(void *(*run)(void *), const void *arg)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, run, (void *)(uintptr_t)arg), 0);
    require_eq(pthread_join(thread, NULL), 0);
}

/* ---- staying mapped -------------------------------------------------------------------------- */

static int if_it(bool can)
{
    return can ? FINI_OK : FINI_ENOTSUP;
}

CASE(traits_of_what_can_go, .after = "told *\n")
{
    const struct parts *parts;
    load(&parts);
    require_eq(parts->traits(), 0);
}

CASE(pinned_it_stays, .after = "told exit\n")
{
    const struct parts *parts;
    void *handle = load(&parts);
    require_eq(parts->pin(), if_it(PARTS_REFERS));
    require_eq(parts->pin(), if_it(PARTS_REFERS));
    if (!PARTS_REFERS)
        return;
    require(parts->traits() & FINI_PINNED);
    dlclose(handle);
    require(is_loaded());
}

CASE(held_it_stays, .after = "told exit\n")
{
    const struct parts *parts;
    void *handle = load(&parts);
    require_eq(parts->hold(), if_it(PARTS_REFERS));
    require_eq(parts->hold(), PARTS_REFERS ? FINI_EBUSY : FINI_ENOTSUP);
    if (!PARTS_REFERS)
        return;
    dlclose(handle);
    require(is_loaded());
}

static void *hold_and_release(void *arg)
{
    const struct parts *parts;
    void *handle = load(&parts);
    (void)arg;
    require_eq(parts->hold(), FINI_OK);
    dlclose(handle);
    require_eq(parts->release(), if_it(PARTS_KEEPS));
    require(is_loaded());
    return NULL;
}

/* The reference ends with the thread, and so the image; or it never ends. */
CASE(released_it_goes_with_the_thread, .expect = PARTS_KEEPS ? "told *\n" : "",
     .after = PARTS_REFERS && !PARTS_KEEPS ? "told exit\n" : "")
{
    if (!PARTS_REFERS)
        return;
    in_thread(hold_and_release, NULL);
    require_eq(is_loaded(), !PARTS_KEEPS);
}

static void *hold_for_thread(void *arg)
{
    const struct parts *parts;
    void *handle = load(&parts);
    (void)arg;
    require_eq(parts->hold_for_thread(), if_it(PARTS_KEEPS));
    require_eq(parts->hold_for_thread(), if_it(PARTS_KEEPS));
    dlclose(handle);
    require_eq(is_loaded(), PARTS_KEEPS);
    return NULL;
}

CASE(held_for_a_thread_it_goes_with_it, .expect = "told *\n")
{
    in_thread(hold_for_thread, NULL);
    require(!is_loaded());
}

/* ---- what outlives it ------------------------------------------------------------------------ */

CASE(keepsakes_outlive_it, .expect = "told *\n", .after = "told *\n")
{
    const struct parts *parts;
    char kept[8] = "";
    size_t size = sizeof kept;
    void *handle = load(&parts);
    require_eq(parts->generation(), PARTS_KEEPS);
    require_eq(parts->put("org.example", "kept", 5), if_it(PARTS_KEEPS));
    dlclose(handle);
    require(!is_loaded());
    load(&parts);
    require_eq(parts->generation(), PARTS_KEEPS ? 2 : 0);
    require_eq(parts->get("org.example", kept, &size), if_it(PARTS_KEEPS));
    require_eq(strcmp(kept, PARTS_KEEPS ? "kept" : ""), 0);
}

CASE(no_thread_values, .after = "told *\n")
{
    const struct parts *parts;
    load(&parts);
    require_eq(parts->value(), FINI_ENOTSUP);
}

/* ---- FINI_TRACE ------------------------------------------------------------------------------ */

static void trace_into_broken_pipe(void *unused)
{
    const struct parts *parts;
    int ends[2];
    (void)unused;
    require_eq(pipe(ends), 0);
    require_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[0]);
    setenv("FINI_TRACE", "1", 1);
    dlclose(load(&parts));
    require(!is_loaded());
}

CASE(a_broken_pipe_does_no_harm, .expect = "told *\n")
{
    in_sound_child(trace_into_broken_pipe, NULL);
}

/* ---- workers --------------------------------------------------------------------------------- */

CASE(workers_start_and_stop, .after = "told *\n")
{
    const struct parts *parts;
    load(&parts);
    for (unsigned n = 1; n <= 3; n++) {
        require_eq(parts->start(), if_it(PARTS_WORKS));
        require_eq(parts->stop(), PARTS_WORKS ? FINI_OK : FINI_ENOENT);
        require_eq(parts->rounds(), PARTS_WORKS ? n : 0);
    }
}

/* Told unload or exit, the worker has to be out of it. */
CASE(workers_are_waited_for_at_unload, .expect = "told *\n")
{
    const struct parts *parts;
    void *handle = load(&parts);
    require_eq(parts->start(), if_it(PARTS_WORKS));
    dlclose(handle);
    require(!is_loaded());
    nap(10000);
}

static void load_and_work(void *unused)
{
    const struct parts *parts;
    (void)unused;
    close(STDOUT_FILENO);
    require_eq(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    for (unsigned n = 0; n < PTHREAD_KEYS_MAX + 16u; n++) {
        void *handle = load(&parts);
        require_eq(parts->start(), if_it(PARTS_WORKS));
        dlclose(handle);
    }
}

/* A load must not cost the process a key each time. */
CASE(workers_give_their_keys_back)
{
    in_sound_child(load_and_work, NULL);
}

/* ---- gates ----------------------------------------------------------------------------------- */

static void *be_inside(void *arg)
{
    const struct parts *parts = arg;
    while (!parts->enter())
        nap(10);
    nap(30000);
    parts->leave();
    return NULL;
}

CASE(gates_wait_for_who_is_inside, .after = "told *\n")
{
    const struct parts *parts;
    pthread_t thread;
    load(&parts);
    require(parts->enter());
    require_eq(parts->close(1000), FINI_EDEADLK);
    parts->leave();
    require_eq(parts->close(-1), FINI_OK);
    require(!parts->enter());
    require_eq(parts->open(), FINI_OK);
    require_eq(pthread_create(&thread, NULL, be_inside, (void *)(uintptr_t)parts), 0);
    while (parts->close(0) != FINI_ETIMEDOUT)
        require_eq(parts->open(), FINI_OK);
    require_eq(parts->close(-1), FINI_OK);
    require_eq(pthread_join(thread, NULL), 0);
}
