/* SPDX-License-Identifier: MIT
 *
 * Threads of the image's own: POSIX calls, and the key by which they say that they have left.
 *
 * Decides: a key an image, whose destructor is sigfillset, and which goes with the image when no
 * thread needs it any more.
 * Leaves to others: threads (workers.c), their names (the file of the system).
 */
#include "select.h"

#ifdef FINI_USES_PLAIN

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "plain.h"
#include "workers.h"

static _Atomic uint32_t leaving_key; /* plus 1; 0: there is none */

/* Without try_join. */
const struct fini__thread_calls *fini__thread_calls(void)
{
    static struct fini__thread_calls calls;
    calls.detach = pthread_detach;
    calls.mask = pthread_sigmask;
    calls.create = pthread_create;
    return &calls;
}

void fini__leave_out_signal(sigset_t *set, int signal)
{
    (sigdelset)(set, signal);
}

/* Of two threads that make one at once, the second gives its own back. */
struct fini__leaving fini__prepare_leaving(void)
{
    pthread_key_t key;
    uint32_t none = 0;
    if (atomic_load(&leaving_key) == 0) {
        if (pthread_key_create(&key, fini__immortal()) != 0)
            return (struct fini__leaving){0, NULL};
        if (!atomic_compare_exchange_strong(&leaving_key, &none, (uint32_t)key + 1))
            pthread_key_delete(key);
    }
    return (struct fini__leaving){(pthread_key_t)(atomic_load(&leaving_key) - 1),
                                  pthread_setspecific};
}

void fini__note_leaving(const struct fini__leaving *leaving, sigset_t *set)
{
    if (leaving->set)
        leaving->set(leaving->key, set);
}

void fini__forget_leaving(void)
{
    uint32_t key = atomic_exchange(&leaving_key, 0);
    if (key != 0)
        pthread_key_delete((pthread_key_t)(key - 1));
}

#else
typedef int fini__leaving_is_not_for_this_platform;
#endif
