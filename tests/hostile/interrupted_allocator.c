/* SPDX-License-Identifier: MIT
 *
 * The allocator of interrupted.c: on request its next call raises a signal while it holds its lock,
 * so that no luck is needed.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);
extern void *memalign(size_t alignment, size_t size);
void allocator_interrupted(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t interrupts;

void allocator_interrupted(void)
{
    interrupts = 1;
}

static void enter(void)
{
    pthread_mutex_lock(&lock);
    if (!interrupts)
        return;
    interrupts = 0;
    raise(SIGUSR1);
}

static void *leave(void *block)
{
    pthread_mutex_unlock(&lock);
    return block;
}

void *malloc(size_t size)
{
    enter();
    return leave(__libc_malloc(size));
}

void *realloc(void *block, size_t size)
{
    enter();
    return leave(__libc_realloc(block, size));
}

void free(void *block)
{
    enter();
    __libc_free(block);
    leave(NULL);
}

void *memalign(size_t alignment, size_t size)
{
    enter();
    return leave(__libc_memalign(alignment, size));
}

__attribute__((noinline)) static void *slow_calloc(size_t count, size_t size)
{
    enter();
    return leave(__libc_calloc(count, size));
}

/* A jump, as compilers make of it: this function is not on the stack. */
__attribute__((optimize("O2"))) void *calloc(size_t count, size_t size)
{
    return slow_calloc(count, size);
}
