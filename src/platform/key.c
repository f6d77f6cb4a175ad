/* SPDX-License-Identifier: MIT
 *
 * Thread values where no image is ever unloaded.
 *
 * Decides: one thread key, with a destructor of the image's own: that can always be called.
 * Leaves to others: what the pointer leads to (local.c); systems that unload (values.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_KEY

#include <pthread.h>

#include "../platform.h"

static struct {
    pthread_key_t key;
    void (*ends)(void *value);
} own;

/* The system has taken the value away. What the callee calls wants to get it. A cancellation that
 * the thread has not heeded would cut it off (not on musl, whose pthread_exit disables it). */
static void value_ends(void *value)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    pthread_setspecific(own.key, value);
    own.ends(value);
    pthread_setspecific(own.key, NULL);
    pthread_setcancelstate(cancel_state, NULL);
}

int fini__platform_values_open(void (*ends)(void *value))
{
    own.ends = ends;
    return pthread_key_create(&own.key, value_ends) == 0 ? FINI_OK : FINI_EAGAIN;
}

void *fini__platform_values_get(void)
{
    return pthread_getspecific(own.key);
}

int fini__platform_values_set(void *value)
{
    return pthread_setspecific(own.key, value) == 0 ? FINI_OK : FINI_ENOMEM;
}

/* Where nothing is unloaded local.c closes only what no thread has had a value of. */
void fini__platform_values_close(void)
{
    pthread_key_delete(own.key);
}

#else
typedef int fini__key_is_not_for_this_platform;
#endif
