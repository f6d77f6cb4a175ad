/* SPDX-License-Identifier: MIT
 *
 * Many threads at once hold, release, stay until they end, put and get, while others load and
 * unload the same images. Built plain, and with ThreadSanitizer, where the images stay: what it
 * sees of a load and an unload without the loader's lock looks like races.
 *
 * Decides: a round ends when each thread has done its work; nobody waits for a time.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

#ifndef STRESS_IMAGE
#define STRESS_IMAGE "member.so"
#define STRESS_OTHER "other.so"
#define STRESS_ROUNDS 300
#endif
#ifdef STRESS_STAYS
enum { LOADERS = 0 };
#else
enum { LOADERS = 2 };
#endif

enum { THREADS = 4 };

static char paths[2][PATH_MAX];

static const struct member *open_one(int which, void **handle)
{
    *handle = dlopen(paths[which], RTLD_NOW | RTLD_LOCAL);
    if (*handle == NULL)
        say("%s", dlerror());
    require(*handle != NULL);
    return dlsym(*handle, "member");
}

static void find_images(void)
{
    void *handle;
    harness_path(paths[0], STRESS_IMAGE);
    harness_path(paths[1], STRESS_OTHER);
    for (int n = 0; n < 2 && LOADERS == 0; n++)
        open_one(n, &handle);
}

/* ---- the first loads ------------------------------------------------------------------------- */

static pthread_barrier_t together;
static const struct member *loaded[2];

static void *load_one(void *arg)
{
    void *handle;
    int which = *(int *)arg;
    pthread_barrier_wait(&together);
    loaded[which] = open_one(which, &handle);
    return NULL;
}

/* Some loaders hold no lock while they call constructors. */
static void load_at_once(void *arg)
{
    static int which[] = {0, 1};
    pthread_t threads[2];
    char byte;
    size_t size = 1;
    pthread_barrier_init(&together, NULL, 2);
    for (int n = 0; n < 2; n++)
        require_eq(pthread_create(&threads[n], NULL, load_one, &which[n]), 0);
    for (int n = 0; n < 2; n++)
        require_eq(pthread_join(threads[n], NULL), 0);
    require_eq(loaded[0]->keep_put("name", "x", 1), FINI_OK);
    require_eq(loaded[1]->keep_get("name", &byte, &size), FINI_OK);
    _exit(arg != NULL);
}

/* Whichever comes first, they share what all images of a process share. */
CASE(first_loads_at_once, .slow = true, .timeout = 60)
{
    find_images();
    for (int n = 0; n < STRESS_ROUNDS && LOADERS > 0; n++)
        in_sound_child(load_at_once, NULL);
}

/* ---- holds ----------------------------------------------------------------------------------- */

/* The handle protects the call of hold; the hold what comes after dlclose. */
static void *hold_and_release(void *arg)
{
    struct fini_hold hold = FINI_HOLD_INIT;
    void *handle;
    int which = *(int *)arg;
    const struct member *m = open_one(which, &handle);
    if (which == 0)
        require_eq(m->hold(&hold), FINI_OK);
    else
        require_eq(m->hold_for_thread(), FINI_OK);
    require_eq(dlclose(handle), 0);
    require_eq(m->hold(which == 0 ? NULL : &hold), which == 0 ? FINI_EINVAL : FINI_OK);
    require_eq(m->release(&hold), FINI_OK);
    require(m->error_text(FINI_OK)[0] == 's');
    return NULL;
}

static atomic_int stop;

static void *load_and_unload(void *arg)
{
    while (!atomic_load(&stop)) {
        void *handle;
        require_eq(open_one(*(int *)arg, &handle)->traits() & ~(unsigned)FINI_PINNED,
                   TRAITS(0));
        require_eq(dlclose(handle), 0);
    }
    return NULL;
}

static void run_threads(void *(*work)(void *), int rounds)
{
    static int which[] = {0, 1, 0, 1};
    pthread_t threads[THREADS];
    for (int round = 0; round < rounds; round++) {
        for (int n = 0; n < THREADS; n++)
            require_eq(pthread_create(&threads[n], NULL, work, &which[n]), 0);
        for (int n = 0; n < THREADS; n++)
            require_eq(pthread_join(threads[n], NULL), 0);
    }
}

static void run_beside_loads(void *(*work)(void *), int rounds)
{
    static int both[] = {0, 1};
    pthread_t loaders[2];
    for (int n = 0; n < LOADERS; n++)
        require_eq(pthread_create(&loaders[n], NULL, load_and_unload, &both[n]), 0);
    run_threads(work, rounds);
    atomic_store(&stop, 1);
    for (int n = 0; n < LOADERS; n++)
        require_eq(pthread_join(loaders[n], NULL), 0);
}

static void require_none_mapped(void)
{
    struct image image;
    for (int n = 0; n < LOADERS; n++) {
        memcpy(image.path, paths[n], sizeof image.path);
        require_unmapped(&image);
    }
}

CASE(holds_beside_loads, .slow = true, .timeout = 60)
{
    find_images();
    run_beside_loads(hold_and_release, STRESS_ROUNDS);
    require_none_mapped();
}

/* One hold, which many threads want: each time one of them gets it, and one gives it back. */
static struct fini_hold shared_hold;
static const struct member *shared_member;
static atomic_int held, released;

static void *fight_for_hold(void *arg)
{
    (void)arg;
    for (int n = 0; n < 20; n++) {
        int error = shared_member->hold(&shared_hold);
        require(error == FINI_OK || error == FINI_EBUSY);
        atomic_fetch_add(&held, error == FINI_OK);
        error = shared_member->release(&shared_hold);
        require(error == FINI_OK || error == FINI_ENOENT);
        atomic_fetch_add(&released, error == FINI_OK);
    }
    return NULL;
}

CASE(one_hold_for_many, .slow = true, .timeout = 60)
{
    void *handle;
    find_images();
    shared_member = open_one(0, &handle);
    run_threads(fight_for_hold, STRESS_ROUNDS);
    if (shared_member->release(&shared_hold) == FINI_OK)
        atomic_fetch_add(&released, 1);
    require_eq(held, released);
    require(held > 0);
}

static void *pin(void *arg)
{
    (void)arg;
    require_eq(shared_member->pin(), FINI_OK);
    require_eq(shared_member->traits(), TRAITS(FINI_PINNED));
    return NULL;
}

CASE(pins_of_many)
{
    void *handle;
    find_images();
    shared_member = open_one(0, &handle);
    run_threads(pin, 5);
    require_eq(dlclose(handle), 0);
    require_eq(shared_member->traits(), TRAITS(FINI_PINNED));
}

/* ---- keepsakes ------------------------------------------------------------------------------- */

enum { DATA_MOST = 20000 };

struct data {
    size_t size;
    unsigned seed;
    unsigned char bytes[DATA_MOST];
};

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

/* Size and seed decide every byte. */
static size_t fill(struct data *data, unsigned seed)
{
    unsigned state = seed;
    data->seed = seed;
    data->size = sizeof *data - DATA_MOST + next(&state) % DATA_MOST;
    for (size_t n = 0; n < DATA_MOST; n++)
        data->bytes[n] = (unsigned char)next(&state);
    return data->size;
}

static void require_whole(const struct data *data, size_t size)
{
    struct data expected;
    memset(&expected, 0, sizeof expected);
    require_eq(fill(&expected, data->seed), size);
    require(memcmp(data, &expected, size) == 0);
}

static int get_one(const struct member *m, const char *name)
{
    struct data data;
    size_t size = sizeof data;
    int error = m->keep_get(name, &data, &size);
    require(error == FINI_OK || error == FINI_ENOENT);
    if (error == FINI_OK)
        require_whole(&data, size);
    return error;
}

/* What the caller has put under a name of its own is what it finds. */
static void put_and_get_own(const struct member *m, const char *name, struct data *data)
{
    struct data back;
    size_t size = sizeof back;
    require_eq(m->keep_put(name, data, data->size), FINI_OK);
    require_eq(m->keep_get(name, &back, &size), FINI_OK);
    require_eq(size, data->size);
    require(memcmp(&back, data, size) == 0);
}

static void *put_and_get(void *arg)
{
    static atomic_uint callers;
    unsigned seed = atomic_fetch_add(&callers, 1) * 7919u + 1;
    struct data data;
    char own[32];
    void *handle;
    const struct member *m = open_one(*(int *)arg, &handle);
    snprintf(own, sizeof own, "own %u", seed);
    for (int n = 0; n < 10; n++) {
        memset(&data, 0, sizeof data);
        fill(&data, next(&seed));
        require_eq(m->keep_put("shared", &data, data.size), FINI_OK);
        get_one(m, "shared");
        put_and_get_own(m, own, &data);
        require_eq(m->keep_put("now and then", &data, n % 2 ? data.size : 0) == FINI_EINVAL, 0);
        get_one(m, "now and then");
    }
    require_eq(m->keep_put(own, NULL, 0), FINI_OK);
    require_eq(get_one(m, own), FINI_ENOENT);
    require_eq(dlclose(handle), 0);
    return NULL;
}

CASE(keepsakes_beside_loads, .slow = true, .timeout = 60)
{
    find_images();
    run_beside_loads(put_and_get, STRESS_ROUNDS / 5);
    require_none_mapped();
}
