/* SPDX-License-Identifier: MIT
 *
 * Memory, as POSIX gives it.
 *
 * Decides: nothing that its functions' names do not say.
 * Leaves to others: to unmap (linux.c), where a system call saves a name.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_POSIX

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../platform.h"

#ifndef MAP_NORESERVE /* not everywhere, and only advice */
#define MAP_NORESERVE 0
#endif

void *fini__platform_map(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

/* Without the fence compilers make calloc of it: one name more that each image asks for. */
void *fini__platform_allocate(size_t size)
{
    void *block = malloc(size);
    atomic_signal_fence(memory_order_seq_cst);
    return block ? memset(block, 0, size) : NULL;
}

void fini__platform_free(void *block)
{
    free(block);
}

#else
typedef int fini__posix_is_not_this_platform;
#endif
