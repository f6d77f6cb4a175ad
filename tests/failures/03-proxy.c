/* SPDX-License-Identifier: MIT
 *
 * 03-proxy.c - rocm-systems #3004, the upper library: its proxy thread makes and frees connections
 * in memory of the runtime. At exit the runtime is torn down before the thread is stopped: static
 * destructors run before the finalizers of any library.
 *
 * The runtime is somebody else's and stays as it is. So this library shuts a door as exit() begins,
 * while the runtime is still there: what the thread holds then, the system takes back.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "module.h"

extern void *runtime_get(size_t size);
extern void runtime_release(void *memory);

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static bool shut;
static atomic_bool stopping;
static pthread_t proxy;

static void connect_and_free(void)
{
    pthread_mutex_lock(&door);
    if (!shut)
        runtime_release(runtime_get(4096));
    pthread_mutex_unlock(&door);
}

static void *serve(void *unused)
{
    (void)unused;
    while (!atomic_load(&stopping))
        connect_and_free();
    return NULL;
}

__attribute__((constructor)) static void start(void)
{
    if (pthread_create(&proxy, NULL, serve, NULL) != 0)
        abort();
}

static void stop(void)
{
    atomic_store(&stopping, true);
    pthread_join(proxy, NULL);
    say("proxy stopped");
}

#ifdef NAIVE

__attribute__((destructor)) static void end(void)
{
    stop();
}

#else
#include "fini.h"

static void shut_door(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    pthread_mutex_lock(&door);
    shut = true;
    pthread_mutex_unlock(&door);
}

static void at_unload(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    stop();
}

FINI_HOOK(shut_door, NULL, FINI_ON_EXIT_BEGIN);
FINI_UNLOAD_HOOK(at_unload, NULL);

#endif

void work(void)
{
    connect_and_free();
}
