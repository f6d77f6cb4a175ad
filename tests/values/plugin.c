/* SPDX-License-Identifier: MIT
 *
 * plugin.c - a plugin with thread values and workers. NAIVE: with thread keys, whose destructor is
 * the plugin's, and with threads, as libraries have them. JOINS: that its finalizer joins.
 */
#include "plugin.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static void (*report)(void *value, fini_reason why);

static void report_to(void (*fn)(void *value, fini_reason why))
{
    report = fn;
}

#ifdef NAIVE

static pthread_key_t keys[PLUGIN_LOCALS];

/* gdb finds it by this name. */
extern void value_ends(void *value);
void value_ends(void *value)
{
    report(value, FINI_THREAD_EXIT);
}

static int init(int n)
{
    return pthread_key_create(&keys[n], value_ends);
}

static void destroy(int n)
{
    pthread_key_delete(keys[n]);
}

static void *get(int n)
{
    return pthread_getspecific(keys[n]);
}

static int set(int n, void *value)
{
    return pthread_setspecific(keys[n], value);
}

static int add_hook(void *value)
{
    (void)value;
    return -1;
}

static struct thread {
    pthread_t id;
    void (*body)(int n);
    atomic_bool started, stopping;
} threads[PLUGIN_WORKERS];

static void *run(void *arg)
{
    struct thread *t = arg;
    t->body((int)(t - threads));
    return NULL;
}

static int start(int n, void (*body)(int n))
{
    threads[n].body = body;
    threads[n].started = true;
    return pthread_create(&threads[n].id, NULL, run, &threads[n]);
}

static bool stopping(int n)
{
    return threads[n].stopping;
}

static int wait(int n, int64_t timeout)
{
    for (; !threads[n].stopping && timeout > 0; timeout -= 1000000)
        usleep(1000);
    return threads[n].stopping ? FINI_OK : FINI_ETIMEDOUT;
}

static int stop(int n)
{
    threads[n].stopping = true;
    return pthread_join(threads[n].id, NULL);
}

static int hold_for_thread(void)
{
    return -1;
}

static struct fini_worker workers[1];

#ifdef JOINS
__attribute__((destructor)) static void join_all(void)
{
    for (int n = 0; n < PLUGIN_WORKERS; n++)
        if (threads[n].started)
            stop(n);
}
#endif

/* What a careful author adds. */
#ifdef DELETES
__attribute__((destructor)) static void end(void)
{
    pthread_key_delete(keys[0]);
}
#endif

#else

static struct fini_local locals[PLUGIN_LOCALS];
static struct fini_hook hook;

static void value_ends(void *value, fini_reason why)
{
    report(value, why);
}

static int init(int n)
{
    return fini_local_init(&locals[n], value_ends);
}

static void destroy(int n)
{
    fini_local_destroy(&locals[n]);
}

static void *get(int n)
{
    return fini_local_get(&locals[n]);
}

static int set(int n, void *value)
{
    return fini_local_set(&locals[n], value);
}

static int add_hook(void *value)
{
    hook = (struct fini_hook)FINI_HOOK_INIT(value_ends, value, FINI_ALWAYS);
    return fini_add(&hook);
}

static struct fini_worker workers[PLUGIN_WORKERS];

static void run(struct fini_worker *w, void *arg)
{
    void (**body)(int n) = arg;
    (*body)((int)(w - workers));
}

static int start(int n, void (*body)(int n))
{
    static void (*bodies[PLUGIN_WORKERS])(int n);
    if (n >= 0)
        bodies[n] = body;
    return fini_worker_start(n < 0 ? NULL : &workers[n], body ? run : NULL, &bodies[n < 0 ? 0 : n]);
}

static bool stopping(int n)
{
    return fini_worker_stopping(n < 0 ? NULL : &workers[n]);
}

static int wait(int n, int64_t timeout)
{
    return fini_worker_wait(n < 0 ? NULL : &workers[n], timeout);
}

static int stop(int n)
{
    return fini_worker_stop(n < 0 ? NULL : &workers[n]);
}

static int hold_for_thread(void)
{
    return fini_hold_for_thread();
}

#endif

extern const struct plugin plugin;
const struct plugin plugin = {report_to, init, destroy, get, set, add_hook, start,
                              stopping, wait, stop, hold_for_thread, workers};
