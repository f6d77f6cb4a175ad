/* SPDX-License-Identifier: MIT
 *
 * opening_startup.c - a library that programs are linked with: its constructor starts a thread,
 * which opens two plugins and adds hooks to each.
 */
#include "opening.h"

#include <dlfcn.h>
#include <pthread.h>

#include "harness.h"

struct opening opened_before_main, opened_meanwhile;
atomic_int opened_both;
static atomic_int opened_first;

static void open_one(struct opening *o, const char *name)
{
    char path[PATH_MAX];
    o->handle = dlopen(harness_path(path, name), RTLD_NOW | RTLD_LOCAL);
    require(o->handle != NULL);
    o->plugin = dlsym(o->handle, "plugin");
    o->begin_hook = (struct fini_hook)SPEAKER(o->plugin, "begin", FINI_ON_EXIT_BEGIN);
    o->hook = (struct fini_hook)SPEAKER(o->plugin, "hook", FINI_ALWAYS);
    require_eq(o->plugin->add(&o->hook), FINI_OK);
}

static void *open_both(void *unused)
{
    open_one(&opened_before_main, "plugin.so");
    require_eq(opened_before_main.plugin->add(&opened_before_main.begin_hook), FINI_OK);
    atomic_store(&opened_first, 1);
    open_one(&opened_meanwhile, "other.so");
    atomic_store(&opened_both, 1);
    return unused;
}

__attribute__((constructor)) static void loaded(void)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, open_both, NULL), 0);
    pthread_detach(thread);
    while (!atomic_load(&opened_first))
        nap(100);
}
