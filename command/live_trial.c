/* SPDX-License-Identifier: MIT
 *
 * live_trial.c - finds the loader's members by doing what changes them, and looking what changed.
 *
 * Two libraries of our own are opened, pinned, and given destructors, a known number of times. A
 * word that has followed in each step, and the only one that has, is the one looked for. In a
 * child: what was pinned stays, and nothing of it is to be in this process.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libexec.h"
#include "live_layout.h"
#include "live_memory.h"

extern int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *image);

struct trial {
    char provider_path[4096], user_path[4096];
    struct link_map *provider, *user;
    void *symbol;               /* in the provider */
    struct live_layout layout;
};

struct shot {
    unsigned char bytes[LIVE_MAP_SIZE];
    size_t size;
};

/* Its true size is not known; what lies behind it is read, too, where there is memory. */
static void look(const struct link_map *map, struct shot *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->size = live_read(getpid(), (uintptr_t)map, ret->bytes, sizeof ret->bytes);
}

static struct link_map *open_one(const char *path, int how)
{
    void *handle = dlopen(path, RTLD_NOW | how);
    struct link_map *map = NULL;
    return handle && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 ? map : NULL;
}

/* ---- counters ------------------------------------------------------------------------------ */

enum { SHOTS = 5 };

struct counter {
    struct shot shots[SHOTS];
    uint64_t expected[SHOTS];
};

/* The only word of this size that was as expected in all of them. */
static struct live_member follower(const struct counter *counter, uint32_t size)
{
    struct live_member only = {0, 0, 0}, candidate = {0, size, UINT64_MAX};
    for (; candidate.offset + size <= LIVE_MAP_SIZE; candidate.offset += size) {
        bool follows = true;
        uint64_t value;
        for (int i = 0; i < SHOTS && follows; i++)
            follows = live_member_read(&candidate, counter->shots[i].bytes,
                                       counter->shots[i].size, &value) &&
                      value == counter->expected[i];
        if (follows && only.size)
            return (struct live_member){0, 0, 0};
        if (follows)
            only = candidate;
    }
    return only;
}

static void step(struct counter *counter, int i, uint64_t expected, const struct trial *trial)
{
    look(trial->provider, &counter->shots[i]);
    counter->expected[i] = expected;
}

static void try_opening(struct trial *trial)
{
    static struct counter counter;
    static const uint64_t counts[SHOTS] = {1, 2, 4, 7, 6};
    void *handle = NULL;
    uint64_t count = 1;
    for (int i = 0; i < SHOTS; i++) {
        for (; count < counts[i]; count++)
            handle = dlopen(trial->provider_path, RTLD_NOW);
        for (; count > counts[i]; count--)
            dlclose(handle);
        step(&counter, i, count, trial);
    }
    trial->layout.opened = follower(&counter, sizeof(unsigned));
}

static void nothing(void *object)
{
    (void)object;
}

static struct counter destructors;

static void *add_destructors(void *argument)
{
    const struct trial *trial = argument;
    step(&destructors, 0, 0, trial);
    for (int i = 1; i < SHOTS - 1; i++) {
        __cxa_thread_atexit_impl(nothing, NULL, trial->symbol);
        step(&destructors, i, (uint64_t)i, trial);
    }
    return NULL;
}

/* The last step is that the thread ends, with its destructors. */
static void try_destructors(struct trial *trial)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, add_destructors, trial) != 0 ||
        pthread_join(thread, NULL) != 0)
        return;
    step(&destructors, SHOTS - 1, 0, trial);
    trial->layout.destructors = follower(&destructors, sizeof(size_t));
}

/* ---- a mark and a list --------------------------------------------------------------------- */

/* What changes by opening and closing alone does not count; nor does the count, which is left as it
 * is when what is pinned is closed. */
static void try_pinning(struct trial *trial)
{
    static struct shot before, usual, after;
    struct live_member only = {0, 0, 0};
    size_t changed = 0;
    look(trial->provider, &before);
    dlclose(dlopen(trial->provider_path, RTLD_NOW));
    look(trial->provider, &usual);
    void *handle = dlopen(trial->provider_path, RTLD_NOW | RTLD_NODELETE);
    if (!handle)
        return;
    dlclose(handle);
    look(trial->provider, &after);
    for (uint32_t i = 0; i < before.size; i++) {
        unsigned bits = usual.bytes[i] ^ after.bytes[i];
        bool in_count = i - trial->layout.opened.offset < trial->layout.opened.size;
        if (bits == 0 || before.bytes[i] != usual.bytes[i] || in_count)
            continue;
        changed++;
        if ((bits & (bits - 1)) == 0 && (after.bytes[i] & bits))
            only = (struct live_member){i, 1, bits};
    }
    if (changed == 1)
        trial->layout.pinned = only;
}

struct list {
    unsigned count;
    const struct link_map *first;
};

/* The user has bound a symbol of the provider without needing it. */
static void try_binding(struct trial *trial)
{
    static struct shot shot;
    struct live_member only = {0, 0, 0};
    size_t found = 0;
    look(trial->user, &shot);
    for (uint32_t i = 0; i + sizeof(void *) <= shot.size; i += sizeof(void *)) {
        struct list list;
        uintptr_t at;
        memcpy(&at, shot.bytes + i, sizeof at);
        if (!at || !live_read_all(getpid(), at, &list, sizeof list))
            continue;
        if (list.count == 1 && list.first == trial->provider) {
            found++;
            only = (struct live_member){i, sizeof at, UINT64_MAX};
        }
    }
    if (found == 1)
        trial->layout.bound = only;
}

/* ---- the child ----------------------------------------------------------------------------- */

static void try_all(struct trial *trial)
{
    trial->provider = open_one(trial->provider_path, RTLD_GLOBAL);
    trial->user = open_one(trial->user_path, RTLD_LOCAL);
    if (!trial->provider || !trial->user)
        return;
    /* Not by RTLD_DEFAULT: what the program finds so is pinned (glibc elf/dl-lookup.c,
     * add_dependency, where the one who asks is not lt_loaded). */
    void *handle = dlopen(trial->provider_path, RTLD_NOW | RTLD_NOLOAD);
    trial->symbol = handle ? dlsym(handle, "fini_sample_value") : NULL;
    if (!trial->symbol)
        return;
    dlclose(handle);
    try_binding(trial);
    try_opening(trial);
    try_destructors(trial);
    try_pinning(trial);
}

bool live_layout_by_trial(struct live_layout *ret)
{
    struct trial *trial = mmap(NULL, sizeof *trial, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1;
    memset(ret, 0, sizeof *ret);
    if (trial == MAP_FAILED)
        return false;
    if (libexec_find("fini-sample.so", trial->provider_path, sizeof trial->provider_path) &&
        libexec_find("fini-sample-user.so", trial->user_path, sizeof trial->user_path)) {
        pid_t child = fork();
        if (child == 0) {
            try_all(trial);
            _exit(0);
        }
        if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
            *ret = trial->layout;
    }
    munmap(trial, sizeof *trial);
    if (ret->opened.size || ret->pinned.size || ret->destructors.size || ret->bound.size)
        ret->source = SOURCE_TRIAL;
    return ret->source == SOURCE_TRIAL;
}
