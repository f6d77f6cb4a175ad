/* SPDX-License-Identifier: MIT
 *
 * agent_leak.c - finalizers of chosen images do not run at exit.
 *
 * Decides: exit handlers of a chosen image are registered by way of a function that calls them only
 * from __cxa_finalize, which is an unload. For .fini_array and DT_FINI the loader reads the
 * image's dynamic section (glibc elf/dl-fini.c, dl-call_fini.c); the last exit handler before its
 * own, which is registered when main begins, has changed it by then. Inside a dlclose of the
 * exiting thread it is as it was: who is really unloaded during exit is finalized. A dlclose of
 * another thread is waited for before, as the loader itself waits in exit(), and not done
 * afterwards: the exiting thread would run what that needs.
 *
 * No lock of the loader is taken: at exit its owner may be a thread that never runs again.
 */
#include "agent_leak.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent_calls.h"
#include "agent_keep.h"

enum { IMAGES_MOST = 2048, NAPS_MOST = 1000 };

/* What an image's dynamic section said, and where. */
struct leak {
    const struct link_map *map;
    uintptr_t begin, end, relro_begin, relro_end;
    ElfW(Dyn) *size, *fini;
    ElfW(Addr) fini_was;
    ElfW(Xword) size_was;
};

struct agent_leaks {
    const char *pattern;
    /* Guards the list and the images' dynamic sections, for moments. Holds the number of the
     * process, because a forked child may find it locked by a thread that it has not. */
    _Atomic int lock;
    atomic_bool exits, silent;
    _Atomic int closing, closing_in;    /* calls of dlclose, of that process */
    size_t count;
    struct leak list[IMAGES_MOST];
};

struct registered {
    void (*function)(void *);
    void *argument;
};

static struct agent_leaks own, *leaks;
static __thread int finalizing, unloading;
static __thread bool exiting;           /* it runs the last exit handler, or has done so */

static void lock(struct agent_leaks *all)
{
    int own_number = getpid();
    for (int holder = 0;
         !atomic_compare_exchange_weak(&all->lock, &holder, own_number);
         holder = holder == own_number ? 0 : holder)
        sched_yield();
}

static void unlock(struct agent_leaks *all)
{
    atomic_store(&all->lock, 0);
}

/* A copy: a program may write its title over its environment. */
struct agent_leaks *agent_leak_open(void)
{
    const char *pattern = getenv(AGENT_LEAK);
    own.pattern = pattern ? strdup(pattern) : NULL;
    return own.pattern ? &own : NULL;
}

static bool is_of_libc(const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return strncmp(base, "libc.so", 7) == 0 || strncmp(base, "ld-linux", 8) == 0 ||
           strncmp(base, "linux-vdso", 10) == 0 || strcmp(base, "libfini-agent.so") == 0;
}

static bool is_chosen(const struct agent_leaks *all, const char *path)
{
    if (!path[0] || is_of_libc(path))
        return false;
    return strcmp(all->pattern, "*") == 0 || agent_matches(all->pattern, path);
}

static ElfW(Dyn) *find(ElfW(Dyn) *entry, ElfW(Sxword) tag)
{
    for (; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == tag)
            return entry;
    return NULL;
}

/* Called while the image is not bound yet, so that all of it can be written; what can be written
 * later is the range that is protected by then. */
static void describe(const struct link_map *map, struct leak *ret)
{
    *ret = (struct leak){.map = map};
    agent_keep_range(map, false, &ret->begin, &ret->end);
    agent_keep_relro(map, &ret->relro_begin, &ret->relro_end);
    ret->size = find(map->l_ld, DT_FINI_ARRAYSZ);
    ret->fini = find(map->l_ld, DT_FINI);
    ret->size_was = ret->size ? ret->size->d_un.d_val : 0;
    ret->fini_was = ret->fini ? ret->fini->d_un.d_ptr : 0;
}

void agent_leak_loaded(struct agent_leaks *all, const struct link_map *map)
{
    if (!all || !is_chosen(all, map->l_name))
        return;
    lock(all);
    bool fits = all->count < IMAGES_MOST;
    if (fits)
        describe(map, &all->list[all->count++]);
    unlock(all);
    if (!fits)
        agent_complain("fini: too many libraries, one that will be finalized at exit: ",
                       map->l_name);
}

void agent_leak_unloads(struct agent_leaks *all, const struct link_map *map)
{
    if (!all)
        return;
    lock(all);
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].map == map)
            all->list[i] = all->list[--all->count];
    unlock(all);
}

void agent_leak_start(struct agent_leaks *all)
{
    leaks = all;
}

static bool is_in_chosen(uintptr_t address)
{
    bool found = false;
    if (!leaks || !address)
        return false;
    lock(leaks);
    for (size_t i = 0; i < leaks->count && !found; i++)
        found = address - leaks->list[i].begin < leaks->list[i].end - leaks->list[i].begin;
    unlock(leaks);
    return found;
}

static void only_at_unload(void *data)
{
    struct registered call = *(struct registered *)data;
    if (!finalizing)
        return;
    free(data);
    call.function(call.argument);
}

static void never(int status, void *data)
{
    (void)status;
    (void)data;
}

int agent_leak_atexit(void (*function)(void *), void *argument, void *owner)
{
    struct registered *call = is_in_chosen((uintptr_t)owner) ? malloc(sizeof *call) : NULL;
    if (!call)
        return NEXT(__cxa_atexit)(function, argument, owner);
    *call = (struct registered){function, argument};
    return NEXT(__cxa_atexit)(only_at_unload, call, owner);
}

/* Unloads do not run those. */
int agent_leak_on_exit(void (*function)(int, void *), void *argument)
{
    return NEXT(on_exit)(is_in_chosen((uintptr_t)function) ? never : function, argument);
}

void agent_leak_finalize(void *owner)
{
    finalizing++;
    NEXT(__cxa_finalize)(owner);
    finalizing--;
}

static void nothing(void)
{
}

static int protect(const struct leak *image, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = image->relro_begin & -page;
    uintptr_t end = image->relro_end & -page;
    return begin < end ? mprotect((void *)begin, end - begin, protection) : 0;
}

static void set(const struct leak *image, bool silent)
{
    if (protect(image, PROT_READ | PROT_WRITE) != 0)
        return;
    if (image->size)
        image->size->d_un.d_val = silent ? 0 : image->size_was;
    if (image->fini)
        image->fini->d_un.d_ptr = silent ? (uintptr_t)nothing - image->map->l_addr :
                                  image->fini_was;
    protect(image, PROT_READ);
}

static void silence(bool silent)
{
    lock(leaks);
    atomic_store(&leaks->silent, silent);
    for (size_t i = 0; i < leaks->count; i++)
        set(&leaks->list[i], silent);
    unlock(leaks);
}

/* Of a forked child's parent it has none. */
static void count_closing(int more)
{
    int own_number = getpid();
    if (atomic_exchange(&leaks->closing_in, own_number) != own_number)
        atomic_store(&leaks->closing, 0);
    atomic_fetch_add(&leaks->closing, more);
}

/* Not for ever: who has called exit() from a constructor has the lock that they wait for. */
static void wait_for_closing(void)
{
    static const struct timespec nap = {0, 1000000};
    for (int naps = 0; naps < NAPS_MOST && atomic_load(&leaks->closing) > 0; naps++)
        nanosleep(&nap, NULL);
}

/* Who calls exit() from within a dlclose does not come back there, and lets no other begin. */
static void last_handler(void *nothing_to_know)
{
    (void)nothing_to_know;
    atomic_store(&leaks->exits, true);
    exiting = true;
    if (unloading == 0)
        wait_for_closing();
    finalizing = unloading = 0;
    silence(true);
}

static int close_at_exit(void *handle)
{
    bool silent = atomic_load(&leaks->silent) && unloading == 0;
    if (silent)
        silence(false);
    unloading += silent;
    int error = NEXT(dlclose)(handle);
    unloading -= silent;
    if (silent)
        silence(true);
    return error;
}

int agent_leak_dlclose(void *handle)
{
    int error = 0;
    if (!leaks)
        return NEXT(dlclose)(handle);
    if (exiting)
        return close_at_exit(handle);
    count_closing(1);
    unloading++;
    if (!atomic_load(&leaks->exits))
        error = NEXT(dlclose)(handle);
    unloading--;
    count_closing(-1);
    return error;
}

void agent_leak_main_begins(void)
{
    static atomic_bool registered;
    if (leaks && !atomic_exchange(&registered, true))
        NEXT(__cxa_atexit)(last_handler, NULL, NULL);
}
