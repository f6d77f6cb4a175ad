/* SPDX-License-Identifier: MIT
 *
 * allocator.h - the part that the allocators of this folder share: malloc and its like, on memory
 * that only grows.
 *
 * Decides: that each takes its memory between allocator_enter() and allocator_leave().
 * Leaves to allocator-NAME.c what these two do. To be included once in a program or in a library
 * to preload: it defines libc's names.
 */
#ifndef HOSTILE_ALLOCATOR_H
#define HOSTILE_ALLOCATOR_H

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *memalign(size_t alignment, size_t size);

static void allocator_enter(void);
static void allocator_leave(void);

enum { ALLOCATOR_HEAD = 16 };

static _Alignas(4096) unsigned char allocator_memory[48 << 20];
static atomic_size_t allocator_used;

/* The size stands in front of each block, which realloc needs. */
static void *allocator_take(size_t alignment, size_t size)
{
    allocator_enter();
    size_t room = size + ALLOCATOR_HEAD + alignment;
    size_t at = atomic_fetch_add(&allocator_used, (room + 15) & ~(size_t)15);
    unsigned char *block = NULL;
    if (size < sizeof allocator_memory && at + room < sizeof allocator_memory) {
        at = (at + ALLOCATOR_HEAD + alignment - 1) & ~(alignment - 1);
        block = allocator_memory + at;
        memcpy(block - ALLOCATOR_HEAD, &size, sizeof size);
    }
    allocator_leave();
    if (!block)
        errno = ENOMEM;
    return block;
}

void *malloc(size_t size)
{
    return allocator_take(16, size);
}

void *calloc(size_t count, size_t size)
{
    return allocator_take(16, count * size); /* never used before, and so zero */
}

void *realloc(void *old, size_t size)
{
    size_t had = 0;
    void *block = allocator_take(16, size);
    if (old)
        memcpy(&had, (unsigned char *)old - ALLOCATOR_HEAD, sizeof had);
    if (block && old)
        memcpy(block, old, had < size ? had : size);
    return block;
}

void free(void *block)
{
    allocator_enter();
    (void)block;
    allocator_leave();
}

void *memalign(size_t alignment, size_t size)
{
    return allocator_take(alignment < 16 ? 16 : alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    *ret = memalign(alignment, size);
    return *ret ? 0 : ENOMEM;
}

#endif
