/* SPDX-License-Identifier: MIT
 *
 * 01-locks.c - openssl #6214: at exit a library's clean-up gives back the lock that a thread of
 * the program is about to take.
 *
 * The clean-up is right, and needed, when the library is unloaded. At exit nobody needs it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "module.h"

static pthread_rwlock_t *lock;
static long *table;

__attribute__((constructor)) static void set_up(void)
{
    table = calloc(16, sizeof *table);
    lock = malloc(sizeof *lock);
    if (table == NULL || lock == NULL || pthread_rwlock_init(lock, NULL) != 0)
        abort();
}

static void clean_up(void)
{
    const struct timespec twenty_milliseconds = {0, 20000000};
    pthread_rwlock_destroy(lock);
    free(lock);
    lock = NULL;
    free(table);
    nanosleep(&twenty_milliseconds, NULL); /* there is much more to clean up */
    say("cleaned up");
}

#ifdef NAIVE

__attribute__((constructor)) static void arrange(void)
{
    atexit(clean_up);
}

#else
#include "fini.h"

static void at_unload(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    clean_up();
}

FINI_UNLOAD_HOOK(at_unload, NULL);

#endif

void work(void)
{
    pthread_rwlock_wrlock(lock);
    table[0]++;
    pthread_rwlock_unlock(lock);
}
