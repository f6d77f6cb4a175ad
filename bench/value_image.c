/* SPDX-License-Identifier: MIT
 *
 * What a thread pays for its values, from the second on: as fini_local, and as thread_local objects
 * with a destructor, which is what C++ makes of __cxa_thread_atexit_impl.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "fini.h"

enum { VALUES = 200 };

extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *image);
extern void *__dso_handle;

/* In nanoseconds each. */
double values_cost(void);
void values_use(bool as_locals);

static struct fini_local locals[VALUES];
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
        if (fini_local_init(&locals[n], value_ends) != FINI_OK)
            abort();
}

static void set_all(void *value)
{
    for (int n = 0; n < VALUES; n++)
        fini_local_set(&locals[n], value);
}

static void register_all(void)
{
    for (int n = 0; n < VALUES; n++)
        __cxa_thread_atexit_impl(object_ends, NULL, &__dso_handle);
}

/* In a thread that ends then. It has had values before. */
void values_use(bool as_locals)
{
    ended = 0;
    set_all(&ended);
    set_all(NULL);
    double begin = now();
    if (as_locals)
        set_all(&ended);
    else
        register_all();
    set_cost = (now() - begin) / VALUES;
}

double values_cost(void)
{
    return set_cost + (last_end - first_end) / (VALUES - 1);
}
