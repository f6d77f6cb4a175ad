/* SPDX-License-Identifier: MIT
 *
 * What workers.c asks of the platform file.
 */
#ifndef FINI_WORKERS_H
#define FINI_WORKERS_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "../compiler.h"

/* Two threads that look for them at once find the same. */
struct fini__thread_calls {
    __typeof__(pthread_create) *_Atomic create;
    __typeof__(pthread_join) *_Atomic try_join; /* not 0: not ended yet */
    __typeof__(pthread_detach) *_Atomic detach;
    __typeof__(pthread_sigmask) *_Atomic mask;
};

/* NULL: this program has no threads. */
FINI_INTERNAL const struct fini__thread_calls *fini__thread_calls(void);

/* Of the caller, for tools; at most 15 characters. */
FINI_INTERNAL void fini__name_thread(const char *name);

FINI_INTERNAL void fini__leave_out_signal(sigset_t *set, int signal);

/* By which key a thread of this image's own says that it has left; by none, if `set` is NULL. */
struct fini__leaving {
    pthread_key_t key;
    __typeof__(pthread_setspecific) *set;
};
FINI_INTERNAL struct fini__leaving fini__prepare_leaving(void);

/* In the thread: libc fills the set when the thread has returned to it, and before any destructor
 * of libfini's own. */
FINI_INTERNAL void fini__note_leaving(const struct fini__leaving *leaving, sigset_t *set);

#endif
