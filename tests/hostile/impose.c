/* SPDX-License-Identifier: MIT
 *
 * impose.c - a library to preload, whose constructor comes before all others (-z initfirst): what
 * has to be imposed on a host from within, when its libraries are mapped.
 *
 *   HOSTILE_IMPOSE   no-pages: no new pages; no-keys: all thread keys are taken
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "refuse.h"

/* The loader maps files, malloc takes from the heap; stacks, and the heaps of threads, are mapped
 * before they can be written. */
static void refuse_pages(void)
{
    static const struct refusal list[] = {
        {SYS_mmap, 3, MAPS_MEMORY, MAP_PRIVATE | MAP_ANONYMOUS},
        {SYS_mmap, 3, MAPS_MEMORY, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE},
        {REFUSE_END, 0, ANY, 0}};
    refuse(list, ENOMEM);
}

static void take_keys(void)
{
    pthread_key_t key;
    while (pthread_key_create(&key, NULL) == 0)
        continue;
}

/* Before libc's own constructor, which lets getenv see the environment: glibc hands it over. */
__attribute__((constructor)) static void constructed(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    for (char **entry = environment; *entry; entry++) {
        if (strcmp(*entry, "HOSTILE_IMPOSE=no-pages") == 0)
            refuse_pages();
        if (strcmp(*entry, "HOSTILE_IMPOSE=no-keys") == 0)
            take_keys();
    }
}
