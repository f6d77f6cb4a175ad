/* SPDX-License-Identifier: MIT
 *
 * together_early.c - its constructor begins a thread that opens an image with libfini, while the
 * program's other constructors run.
 */
#include <dlfcn.h>
#include <libintl.h>
#include <pthread.h>
#include <stddef.h>

#include "together.h"

static pthread_t thread;
static int started;

static void *open_other(void *unused)
{
    void *handle = dlopen("other.so", RTLD_NOW | RTLD_LOCAL);
    (void)unused;
    return handle ? dlsym(handle, "member") : NULL;
}

__attribute__((constructor)) static void begin(void)
{
    bindtextdomain("together", NULL);
    started = pthread_create(&thread, NULL, open_other, NULL) == 0;
}

const void *together_opened(void)
{
    void *opened = NULL;
    if (started)
        pthread_join(thread, &opened);
    started = 0;
    return opened;
}
