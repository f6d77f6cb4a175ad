/* SPDX-License-Identifier: MIT
 *
 * Workers: threads of the library's own, which go before the image goes.
 *
 * Decides: who stops a worker and waits for it, once; who is never waited for.
 * Leaves to others: threads (platform.h), and the order at unload (hooks.c): each worker is a hook
 * too.
 *
 * What has been started and not been stopped is on a list. Only what is on it is believed: the
 * memory of any other worker may never have been initialized. The lock guards the list and the
 * members but the atomic ones; it is not held while a thread is made, which may wait for the
 * loader, nor while one is waited for.
 *
 *   phase             start           stop                               unload
 *   not on the list   -> BEING_MADE   ENOENT                             -
 *   BEING_MADE        EBUSY           waits for AT_WORK                  the same
 *   AT_WORK           EBUSY           -> BEING_STOPPED, asks, waits,     the same
 *                                     -> OVER, -> not on the list
 *   BEING_STOPPED     EBUSY           waits until it is not on the list  waits for OVER
 *   OVER              EBUSY           the same                           -
 *   any, in a child   -> not on the list, then as there                  the same
 *
 * In a signal handler that interrupted who makes or stops it, nobody waits: EDEADLK. In a child the
 * first who comes makes the parent's worker its own, BEING_STOPPED and without a thread.
 *
 * A thread that has ended and nobody has waited for keeps its number, so a worker's number is never
 * another thread's.
 */
#include <errno.h>

#include "core.h"

enum { NAME_MOST = 15 }; /* what Linux shows */
enum { STOPPING = 0x66696e35 }; /* not a small number: who is asked may never have been started */
enum { BEING_MADE, AT_WORK, BEING_STOPPED, OVER };

typedef void run_fn(struct fini_worker *worker, void *arg);

static struct {
    struct fini__lock lock;
    struct fini_worker *first;
} workers;

/* Release pairs with acquire: who sees that it is to stop sees what was done before. */
static _Atomic uint32_t *stopping_in(struct fini_worker *w)
{
    return (_Atomic uint32_t *)&w->fini__stopping;
}

/* 1: run has returned. */
static _Atomic uint32_t *over_in(struct fini_worker *w)
{
    return (_Atomic uint32_t *)&w->fini__over;
}

/* The thread that runs it; 0: it has not begun. */
static _Atomic uintptr_t *self_in(struct fini_worker *w)
{
    return (_Atomic uintptr_t *)&w->fini__self;
}

/* For messages; 0: it has not begun. */
static _Atomic uintptr_t *number_in(struct fini_worker *w)
{
    return (_Atomic uintptr_t *)&w->fini__number;
}

static bool is_of_parent(const struct fini_worker *w)
{
    return w->fini__process != fini__platform_process();
}

static bool is_worker_itself(struct fini_worker *w)
{
    return !is_of_parent(w) && atomic_load(self_in(w)) == fini__platform_thread();
}

static void begin_phase(struct fini_worker *w, unsigned phase)
{
    w->fini__phase = phase;
    w->fini__by = fini__platform_thread();
}

static void set_phase(struct fini_worker *w, unsigned phase)
{
    bool taken = fini__lock_take(&workers.lock);
    begin_phase(w, phase);
    if (taken)
        fini__lock_drop(&workers.lock);
}

/* ---- the list -------------------------------------------------------------------------------- */

static bool is_listed(const struct fini_worker *worker)
{
    const struct fini_worker *w = workers.first;
    while (w && w != worker)
        w = w->fini__next;
    return w != NULL;
}

static void leave_list(const struct fini_worker *worker)
{
    struct fini_worker **link = &workers.first;
    while (*link && *link != worker)
        link = &(*link)->fini__next;
    if (*link)
        *link = worker->fini__next;
}

static void enter_list(struct fini_worker *w)
{
    w->fini__next = workers.first;
    atomic_signal_fence(memory_order_seq_cst);
    workers.first = w;
}

/* The hook before the list: who finds the worker gone may start it anew. At unload in another
 * thread the hook may be waiting for us; so it waits for OVER only. */
static void retire_worker(struct fini_worker *w)
{
    set_phase(w, OVER);
    fini_remove(&w->fini__hook);
    bool taken = fini__lock_take(&workers.lock);
    leave_list(w);
    if (taken)
        fini__lock_drop(&workers.lock);
}

/* In a child. Not while the parent made or stopped it: another thread may have been giving back
 * what is known of it. Nor of the worker's own thread, if it is the one that has forked. */
static bool is_known_to_be_gone(struct fini_worker *w)
{
    return w->fini__phase == AT_WORK && fini__platform_is_forker() &&
           atomic_load(self_in(w)) != fini__platform_thread();
}

/* In a child. Whoever waits for the worker is told that it is over. */
static void take_from_parent_locked(struct fini_worker *w)
{
    if (is_known_to_be_gone(w))
        fini__platform_thread_forget(w->fini__thread);
    atomic_store(stopping_in(w), STOPPING);
    atomic_store(self_in(w), 0);
    w->fini__thread = NULL;
    w->fini__process = fini__platform_process();
    begin_phase(w, BEING_STOPPED);
}

/* ---- to start -------------------------------------------------------------------------------- */

/* In a child that it has forked it is no worker: the memory may be gone. */
static void run_worker(void *arg)
{
    struct fini_worker *w = arg;
    uintptr_t process = fini__platform_process();
    atomic_store(self_in(w), fini__platform_thread());
    atomic_store(number_in(w), fini__platform_thread_number());
    w->fini__run(w, w->fini__arg);
    if (fini__platform_process() != process)
        return;
    atomic_store(over_in(w), 1);
    fini__platform_wake(over_in(w));
}

static bool ends_file_name(const char *text)
{
    return text[0] == '.' && text[1] == 's' && text[2] == 'o' && (!text[3] || text[3] == '.');
}

/* Of a long name the end, which tells more. */
static void name_thread(char ret[NAME_MOST + 1])
{
    const char *name = fini__library_name();
    size_t length = 0, begin;
    while (name && name[length] && !ends_file_name(name + length))
        length++;
    begin = length > NAME_MOST ? length - NAME_MOST : 0;
    for (size_t n = begin; n < length; n++)
        ret[n - begin] = name[n];
    ret[length - begin] = '\0';
}

static void unwind_worker(void *arg, fini_reason why);

static int enlist_locked(struct fini_worker *w, run_fn *run, void *arg)
{
    if (is_listed(w))
        return FINI_EBUSY;
    w->fini__hook = (struct fini_hook)FINI_HOOK_INIT(unwind_worker, w, FINI__ON_GOING);
    w->fini__run = run;
    w->fini__arg = arg;
    w->fini__process = fini__platform_process();
    begin_phase(w, BEING_MADE);
    atomic_store(self_in(w), 0);
    atomic_store(number_in(w), 0);
    atomic_store(stopping_in(w), 0);
    atomic_store(over_in(w), 0);
    int error = fini__hooks_add(&w->fini__hook);
    if (error == FINI_OK)
        enter_list(w);
    return error;
}

static int enlist_worker(struct fini_worker *w, run_fn *run, void *arg)
{
    if (!fini__lock_take(&workers.lock))
        return FINI_EDEADLK;
    bool parents = is_listed(w) && is_of_parent(w);
    if (parents)
        take_from_parent_locked(w);
    fini__lock_drop(&workers.lock);
    if (parents)
        retire_worker(w);
    if (!fini__lock_take(&workers.lock))
        return FINI_EDEADLK;
    int error = enlist_locked(w, run, arg);
    fini__lock_drop(&workers.lock);
    return error;
}

static int start_worker(struct fini_worker *w, run_fn *run, void *arg)
{
    char name[NAME_MOST + 1];
    int error = enlist_worker(w, run, arg);
    if (error != FINI_OK)
        return error;
    name_thread(name);
    error = fini__platform_thread_start(run_worker, w, name, &w->fini__thread);
    if (error == FINI_OK)
        set_phase(w, AT_WORK);
    else
        retire_worker(w);
    return error;
}

int fini_worker_start(struct fini_worker *w, run_fn *run, void *arg)
{
    int saved = errno;
    int error = w && run ? start_worker(w, run, arg) : FINI_EINVAL;
    errno = saved;
    return error;
}

/* ---- to stop --------------------------------------------------------------------------------- */

enum { ITS_HOOK = true };

/* The worker's thread has code of the image to run: its run, or destructors behind it. Not when it
 * finalizes the image, because it ended the last reference. */
static bool would_wait_for_itself(struct fini_worker *w)
{
    return is_worker_itself(w) &&
           (atomic_load(over_in(w)) == 0 || fini__hooks_why() == FINI_RUNNING);
}

/* FINI_OK: the caller, and nobody else, is to wait for the thread. FINI_EAGAIN: to ask again. */
static int claim_worker_locked(struct fini_worker *w, bool by_hook)
{
    if (!is_listed(w) || (by_hook && w->fini__phase == OVER))
        return FINI_ENOENT;
    if (is_of_parent(w)) {
        take_from_parent_locked(w);
        return FINI_OK;
    }
    if (would_wait_for_itself(w))
        return FINI_EDEADLK;
    if (w->fini__phase != AT_WORK)
        return w->fini__by == fini__platform_thread() ? FINI_EDEADLK : FINI_EAGAIN;
    begin_phase(w, BEING_STOPPED);
    return FINI_OK;
}

/* What another thread does first is short: it makes the thread, or has waited for it too. */
static int claim_worker(struct fini_worker *w, bool by_hook)
{
    for (unsigned round = 0;; round++) {
        if (!fini__lock_take(&workers.lock))
            return FINI_EDEADLK;
        int error = claim_worker_locked(w, by_hook);
        fini__lock_drop(&workers.lock);
        if (error == FINI_ENOENT && round > 0)
            return FINI_EBUSY;
        if (error != FINI_EAGAIN)
            return error;
        fini__platform_pause(round);
    }
}

/* At most so long; false: it still runs, or has left by pthread_exit. */
static bool run_is_over(struct fini_worker *w, int64_t deadline)
{
    while (atomic_load(over_in(w)) == 0)
        if (!fini__platform_wait(over_in(w), 0, deadline))
            return false;
    return true;
}

/* About a second at most. The thread is not in libfini's hands when it ends, so there is nothing to
 * sleep on. */
static bool is_over_soon(struct fini_worker *w)
{
    const int64_t slice = 100 * 1000 * 1000;
    const unsigned slices = 10, rounds = 1000;
    for (unsigned waited = 0, round = 0; waited < slices && round < rounds;) {
        if (fini__platform_thread_is_over(w->fini__thread, false))
            return true;
        if (run_is_over(w, fini__platform_deadline(slice)))
            fini__platform_pause(round++);
        else
            waited++;
    }
    return false;
}

/* When it ends it calls destructors of anybody, which may want what this thread holds: the loader's
 * lock. After a second it only has to be out of the image. */
static void wait_for_thread(struct fini_worker *w)
{
    const int64_t second = 1000 * 1000 * 1000;
    const unsigned long_pause = 1000;
    if (is_over_soon(w))
        return;
    fini__trace_waiting(atomic_load(number_in(w)));
    while (!fini__platform_thread_is_over(w->fini__thread, true))
        if (run_is_over(w, fini__platform_deadline(second)))
            fini__platform_pause(long_pause);
}

/* A thread of the parent, which the child does not have; or the worker's own, past its run, that
 * finalizes the image now. */
static bool is_not_to_be_waited_for(struct fini_worker *w)
{
    if (!w->fini__thread)
        return true;
    if (!is_worker_itself(w))
        return false;
    fini__platform_thread_dismiss(w->fini__thread);
    return true;
}

static void ask_to_stop(struct fini_worker *w)
{
    atomic_store(stopping_in(w), STOPPING);
    fini__platform_wake(stopping_in(w));
}

static int stop_worker(struct fini_worker *w, bool by_hook)
{
    int error = claim_worker(w, by_hook);
    if (error != FINI_OK)
        return error == FINI_EBUSY ? FINI_OK : error;
    if (!is_not_to_be_waited_for(w)) {
        ask_to_stop(w);
        wait_for_thread(w);
    }
    retire_worker(w);
    return FINI_OK;
}

int fini_worker_stop(struct fini_worker *w)
{
    int saved = errno;
    int error = w ? stop_worker(w, !ITS_HOOK) : FINI_EINVAL;
    errno = saved;
    return error;
}

/* The image may go, or the process exit, where nobody is to be waited for: a worker that stops
 * soon is safe in both. */
static void stop_in_doubt(struct fini_worker *w)
{
    if (claim_worker(w, ITS_HOOK) != FINI_OK)
        return;
    bool over = is_not_to_be_waited_for(w);
    if (!over) {
        ask_to_stop(w);
        over = is_over_soon(w);
    }
    if (over)
        retire_worker(w);
    else
        set_phase(w, AT_WORK);
}

/* Called for exit only in doubt. */
static void unwind_worker(void *arg, fini_reason why)
{
    if (why == FINI_EXIT)
        stop_in_doubt(arg);
    else
        stop_worker(arg, ITS_HOOK);
}

/* ---- in the worker --------------------------------------------------------------------------- */

bool fini_worker_stopping(struct fini_worker *w)
{
    return w && atomic_load_explicit(stopping_in(w), memory_order_acquire) == STOPPING;
}

static int wait_to_stop(struct fini_worker *w, int64_t timeout)
{
    if (!fini__lock_take(&workers.lock))
        return FINI_EDEADLK;
    bool listed = is_listed(w) && !is_of_parent(w);
    fini__lock_drop(&workers.lock);
    if (!listed)
        return FINI_ENOENT;
    int64_t deadline = fini__platform_deadline(timeout);
    bool in_time = true;
    while (in_time && !fini_worker_stopping(w))
        in_time = fini__platform_wait(stopping_in(w), 0, deadline);
    return fini_worker_stopping(w) ? FINI_OK : FINI_ETIMEDOUT;
}

int fini_worker_wait(struct fini_worker *w, int64_t timeout)
{
    int saved = errno;
    int error = w ? wait_to_stop(w, timeout) : FINI_EINVAL;
    errno = saved;
    return error;
}
