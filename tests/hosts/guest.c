/* SPDX-License-Identifier: MIT
 *
 * guest.c - a module with a thread and memory that the thread uses.
 *
 * With libfini both go only when the module does, and it says why it ends. Built with NAIVE, a
 * destructor frees the memory and nobody stops the thread.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

static long *_Atomic counter;
static pthread_t thread;
static atomic_bool stopping;

static void *count(void *unused)
{
    const struct timespec nap = {0, 1000000};
    (void)unused;
    while (!atomic_load(&stopping)) {
        ++*atomic_load(&counter);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

void guest_start(void)
{
    window_watch(&counter);
    atomic_store(&counter, calloc(1, sizeof(long)));
    if (pthread_create(&thread, NULL, count, NULL) != 0)
        abort();
}

static void free_counter(void)
{
    free(atomic_exchange(&counter, NULL));
}

#ifdef NAIVE

__attribute__((destructor)) static void end(void)
{
    free_counter();
}

#else
#include "fini.h"

static void end(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    atomic_store(&stopping, true);
    pthread_join(thread, NULL);
    free_counter();
}

static void tell(void *arg, fini_reason why)
{
    (void)arg;
    dprintf(STDOUT_FILENO, "%s\n", fini_reason_name(why));
}

FINI_UNLOAD_HOOK(end, NULL);
FINI_HOOK(tell, NULL, FINI_ALWAYS);
#endif
