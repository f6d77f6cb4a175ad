/* SPDX-License-Identifier: MIT
 *
 * Threads of the image's own: begun, and known to be out of it.
 *
 * Decides: signals, name; when the thread is over.
 * Leaves to others: who begins and ends them (worker.c), how libc is called (workers.h).
 *
 * A thread is over when it can be joined. When it ends it runs destructors of anybody. Those of
 * libfini's own keys call dlclose (references.c), and would wait for the loader's lock, which who
 * waits for the thread may hold. So a key that is older than those has libc itself say, by
 * sigfillset, that the thread has returned from the image's function.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_WORKERS

#include <pthread.h>
#include <signal.h>

#include "../platform.h"
#include "stored.h"
#include "workers.h"

enum { NAME_SIZE = 16 };

/* POSIX has no way to try: there a thread is over when it has left. */
#ifdef FINI_WITHOUT_TRY_JOIN
enum { CANNOT_TRY = true };
#else
enum { CANNOT_TRY = false };
#endif

static _Atomic(const struct fini__thread_calls *) threads;

struct thread {
    sigset_t left; /* filled by libc: the thread is out of the image for good */
    struct fini__leaving leaving;
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
    char name[NAME_SIZE];
};

static bool has_threads(void)
{
    if (!threads)
        threads = fini__thread_calls();
    return threads != NULL;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void *begin_thread(void *arg)
{
    struct thread *t = arg;
    fini__name_thread(t->name);
    fini__note_leaving(&t->leaving, &t->left);
    t->run(t->arg);
    return NULL;
}

/* All but those that the thread itself causes: blocked, they would end the process past the
 * handlers of crash reporters and virtual machines. */
static sigset_t signals_to_block(void)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t set;
    sigfillset(&set);
    for (size_t n = 0; n < sizeof own / sizeof *own; n++)
        fini__leave_out_signal(&set, own[n]);
    return set;
}

/* The new thread has the mask of the one that makes it. */
static bool create_thread(struct thread *t)
{
    sigset_t blocked = signals_to_block(), saved;
    threads->mask(SIG_SETMASK, &blocked, &saved);
    bool created = threads->create(&t->id, NULL, begin_thread, t) == 0;
    threads->mask(SIG_SETMASK, &saved, NULL);
    return created;
}

int fini__platform_thread_start(void (*run)(void *arg), void *arg, const char *name, void **ret)
{
    if (!has_threads())
        return FINI_ENOTSUP;
    struct thread *t = fini__platform_allocate(sizeof *t);
    if (!t)
        return FINI_ENOMEM;
    t->run = run;
    t->arg = arg;
    for (size_t n = 0; n < NAME_SIZE - 1 && name[n]; n++)
        t->name[n] = name[n];
    t->leaving = fini__prepare_leaving();
    if ((CANNOT_TRY && !t->leaving.set) || !create_thread(t)) {
        fini__platform_free(t);
        return FINI_EAGAIN;
    }
    *ret = t;
    return FINI_OK;
}

/* What libc has begun to fill stays: it may not have ended to. */
bool fini__platform_thread_is_over(void *thread, bool out_is_enough)
{
    struct thread *t = thread;
    if (!CANNOT_TRY && threads->try_join(t->id, NULL) == 0) {
        fini__platform_free(t);
        return true;
    }
    if ((!out_is_enough && !CANNOT_TRY) || !fini__self_stored(&t->left))
        return false;
    threads->detach(t->id);
    return true;
}

/* The caller's own: libc may still have to fill it. */
void fini__platform_thread_dismiss(void *thread)
{
    struct thread *t = thread;
    threads->detach(t->id);
    if (fini__self_stored(&t->left))
        fini__platform_free(t);
}

void fini__platform_thread_forget(void *thread)
{
    fini__platform_free(thread);
}

#else
typedef int fini__workers_are_not_for_this_platform;
#endif
