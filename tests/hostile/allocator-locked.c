/* SPDX-License-Identifier: MIT
 *
 * allocator-locked.c - an allocator with a lock of its own, not recursive, that uses the loader
 * when it is called late in exit().
 */
#include <dlfcn.h>
#include <pthread.h>

#include "allocator.h"

extern __typeof__(dlsym) dlsym __attribute__((weak)); /* not in a static program */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int late;

/* Not dlopen: that the loader itself allocates in the middle of one, is no fault of an image's. The
 * search allocates as well: without the lock, and not again. */
static void use_loader(void)
{
    if (atomic_exchange(&late, 0) == 0 || !dlsym)
        return;
    dlsym(RTLD_DEFAULT, "no such name");
    atomic_store(&late, 1);
}

static void allocator_enter(void)
{
    use_loader();
    pthread_mutex_lock(&lock);
}

static void allocator_leave(void)
{
    pthread_mutex_unlock(&lock);
}

static void set_late(void)
{
    atomic_store(&late, 1);
}

/* The first handler to be registered after the loader's own, so the last before it. */
__attribute__((constructor)) static void constructed(void)
{
    atexit(set_late);
}
