/* SPDX-License-Identifier: MIT
 *
 * 04-buffer.c - rust #91979, SSSD #6505: a library keeps a buffer for each thread, under a thread
 * key with a destructor. It is unloaded, the thread ends, and libc calls the destructor.
 */
#include <pthread.h>
#include <stdlib.h>

#include "module.h"

static void free_buffer(void *buffer)
{
    free(buffer);
    say("buffer freed");
}

#ifdef NAIVE

static pthread_key_t key;

__attribute__((constructor)) static void make_key(void)
{
    if (pthread_key_create(&key, free_buffer) != 0)
        abort();
}

void work(void)
{
    if (pthread_getspecific(key) == NULL)
        pthread_setspecific(key, malloc(64));
}

#else
#include "fini.h"

static struct fini_local buffers = FINI_LOCAL_INIT;

static void end_buffer(void *buffer, fini_reason why)
{
    (void)why;
    free_buffer(buffer);
}

__attribute__((constructor)) static void make_key(void)
{
    if (fini_local_init(&buffers, end_buffer) != FINI_OK)
        abort();
}

void work(void)
{
    if (fini_local_get(&buffers) == NULL)
        fini_local_set(&buffers, malloc(64));
}

#endif
