/* SPDX-License-Identifier: MIT
 *
 * impose.c - a library to preload, whose constructor comes before all others (-z initfirst): what
 * has to be imposed on a host from within, when its libraries are mapped.
 *
 *   HOSTILE_IMPOSE   no-pages: no two pages of new memory; no-keys: all thread keys are taken
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "refuse.h"

/* What the loader and malloc map for themselves is larger, or part of a file. */
static void refuse_pages(void)
{
    static const struct refusal list[] = {{SYS_mmap, 1, EQUALS, 8192}, {REFUSE_END, 0, ANY, 0}};
    refuse(list, ENOMEM);
}

static void take_keys(void)
{
    pthread_key_t key;
    while (pthread_key_create(&key, NULL) == 0)
        continue;
}

__attribute__((constructor)) static void constructed(void)
{
    const char *what = getenv("HOSTILE_IMPOSE");
    if (what && strcmp(what, "no-pages") == 0)
        refuse_pages();
    if (what && strcmp(what, "no-keys") == 0)
        take_keys();
}
