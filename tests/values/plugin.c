/* SPDX-License-Identifier: MIT
 *
 * plugin.c - a plugin with thread values. NAIVE: with thread keys, whose destructor is the
 * plugin's, as libraries have them.
 */
#include "plugin.h"

#include <pthread.h>
#include <stdlib.h>

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

#endif

extern const struct plugin plugin;
const struct plugin plugin = {report_to, init, destroy, get, set, add_hook};
