/* SPDX-License-Identifier: MIT
 *
 * libfini as it is shipped, in one unit with the code that may touch its static data.
 */
#include "fini.c"

#include "inside.h"

void inside_reset(void)
{
    memset(&hooks, 0, sizeof hooks);
    memset(&settings, 0, sizeof settings);
    memset(&ending, 0, sizeof ending);
    memset(&locals, 0, sizeof locals);
    memset(&workers, 0, sizeof workers);
    memset(&holds_lock, 0, sizeof holds_lock);
    atomic_store(&pinned, false);
    generation = 0;
    counted = false;
    hooks.file = &hooks.first;
    hooks.lock.process = FINI_LOCK_UNUSED;
    hooks.lock.forked = forget_other_threads;
    if (places())
        memset(places(), 0, sizeof *places());
    memset(&gates, 0, sizeof gates);
    fini__gate_shared.process = &no_process;
    fini__gate_shared.closers = 0;
    memset(&fork_lock, 0, sizeof fork_lock);
    loaded_in = 1; /* the first process of fake.h */
}

struct fini__lock *inside_lock(void)
{
    return &hooks.lock;
}

struct fini__lock *inside_holds_lock(void)
{
    return &holds_lock;
}

struct fini__lock *inside_locals_lock(void)
{
    return &locals.lock;
}

struct fini__lock *inside_workers_lock(void)
{
    return &workers.lock;
}

bool inside_whole(void)
{
    bool file_seen = false;
    struct fini_hook **link = &hooks.first;
    for (; *link; link = &(*link)->fini__next) {
        file_seen |= link == hooks.file;
        if ((*link)->fini__link != link || (*link)->fini__state != ADDED)
            return false;
    }
    return file_seen || link == hooks.file;
}

_Static_assert((int)INSIDE_NEAR == (int)NEAR && (int)INSIDE_FAR == (int)FAR, "gate.c");

unsigned inside_runs_of_others(void)
{
    unsigned count = 0;
    for (int n = 0; n < FINI__LANES; n++)
        if (hooks.lane[n].thread != fini__platform_thread())
            count += hooks.lane[n].runs != NULL;
    return count;
}

bool inside_has_places(void)
{
    return places() != NULL;
}

void inside_forget_places(void)
{
    int saved = errno;
    if (places())
        fini__platform_unmap(places(), sizeof *places());
    fini__gate_shared.slots = NULL;
    errno = saved;
}

void inside_last_destructor(void)
{
    unmap_places();
}
