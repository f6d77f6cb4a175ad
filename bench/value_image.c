/* SPDX-License-Identifier: MIT
 *
 * What a thread pays for its values, from the second on: as fini_local, as thread_local objects
 * with a destructor, which is what C++ makes of __cxa_thread_atexit_impl, and as thread keys.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "fini.h"
#include "value_image.h"

enum { VALUES = 200 };

extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *image);
extern void *__dso_handle;

static struct fini_local locals[VALUES];
static pthread_key_t keys[VALUES];
static double set_cost, first_end, last_end;
static int ended;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void object_ends(void *unused)
{
    (void)unused;
    if (++ended == 1)
        first_end = now();
    else if (ended == VALUES)
        last_end = now();
}

static void value_ends(void *value, fini_reason why)
{
    (void)why;
    object_ends(value);
}

__attribute__((constructor)) static void set_up(void)
{
    for (int n = 0; n < VALUES; n++)
        if (fini_local_init(&locals[n], value_ends) != FINI_OK ||
            pthread_key_create(&keys[n], object_ends) != 0)
            abort();
}

static void set_locals(void *value)
{
    for (int n = 0; n < VALUES; n++)
        fini_local_set(&locals[n], value);
}

static void set_keys(void *value)
{
    for (int n = 0; n < VALUES; n++)
        pthread_setspecific(keys[n], value);
}

static void register_objects(void *unused)
{
    (void)unused;
    for (int n = 0; n < VALUES; n++)
        __cxa_thread_atexit_impl(object_ends, NULL, &__dso_handle);
}

/* In a thread that ends then. It has had values before. */
void values_use(enum values_kind kind)
{
    static void (*const set[])(void *value) = {set_locals, register_objects, set_keys};
    ended = 0;
    if (kind != AS_OBJECTS) {
        set[kind](&ended);
        set[kind](NULL);
    }
    double begin = now();
    set[kind](&ended);
    set_cost = (now() - begin) / VALUES;
}

double values_cost(void)
{
    return set_cost + (last_end - first_end) / (VALUES - 1);
}
