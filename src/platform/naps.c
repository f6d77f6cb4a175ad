/* SPDX-License-Identifier: MIT
 *
 * Waiting, fencing and writing with what POSIX has everywhere.
 *
 * Decides: who waits naps and looks again; both sides of a gate fence. Such systems have a call to
 * sleep on a word, each its own; none of them has been tried, and a nap cannot go wrong.
 * Leaves to others: what is waited for (gate.c, worker.c).
 *
 * nanosleep and write are cancellation points, and the caller may be inside the loader's lock.
 */
#include "select.h"

#ifdef FINI_USES_PLAIN

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../platform.h"

#ifdef FINI_WITHOUT_CANCELLATION
static void set_cancellable(int to, int *was)
{
    *was = to;
}
enum { NOT_CANCELLABLE };
#else
static void set_cancellable(int to, int *was)
{
    pthread_setcancelstate(to, was);
}
enum { NOT_CANCELLABLE = PTHREAD_CANCEL_DISABLE };
#endif

static void nap(int64_t nanoseconds)
{
    const struct timespec length = {.tv_nsec = (long)nanoseconds};
    int saved = errno, was;
    set_cancellable(NOT_CANCELLABLE, &was);
    nanosleep(&length, NULL);
    set_cancellable(was, &was);
    errno = saved;
}

void fini__platform_pause(unsigned round)
{
    const unsigned yields = 16;
    if (round < yields)
        sched_yield();
    else
        nap(round < 200 ? 50000 : 1000000);
}

static bool is_pending(int signal)
{
    sigset_t pending;
    sigemptyset(&pending);
    return sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

/* To a pipe that nobody will read, write raises SIGPIPE in this thread: it is taken back. One that
 * was pending before is the host's. On macOS it is the process's, and any thread may get it. */
static void write_without_signal(const char *text, size_t length)
{
    sigset_t pipe, mask;
    int taken;
    bool was_pending = is_pending(SIGPIPE);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &mask);
    if (write(STDERR_FILENO, text, length) == -1 && errno == EPIPE && !was_pending &&
        is_pending(SIGPIPE))
        sigwait(&pipe, &taken);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

void fini__platform_print(const char *text, size_t length)
{
    int was;
    set_cancellable(NOT_CANCELLABLE, &was);
    write_without_signal(text, length);
    set_cancellable(was, &was);
}

void fini__platform_unmap(void *pages, size_t size)
{
    munmap(pages, size);
}

/* ---- gates ----------------------------------------------------------------------------------- */

bool fini__platform_light_fences(void)
{
    return false;
}

bool fini__platform_heavy_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    return true;
}

static const int64_t second = 1000000000;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * second + t.tv_nsec;
}

int64_t fini__platform_deadline(int64_t timeout)
{
    if (timeout <= 0)
        return timeout < 0 ? -1 : 0;
    int64_t begin = now();
    return timeout > INT64_MAX - begin ? INT64_MAX : begin + timeout;
}

bool fini__platform_wait(_Atomic uint32_t *word, uint32_t seen, int64_t deadline)
{
    const int64_t most = 500000;
    if (deadline == 0)
        return false;
    if (atomic_load(word) != seen)
        return true;
    int64_t left = deadline < 0 ? most : deadline - now();
    if (left > 0)
        nap(left < most ? left : most);
    return left > 0;
}

/* Nobody sleeps longer than a nap. */
void fini__platform_wake(_Atomic uint32_t *word)
{
    (void)word;
}

#else
typedef int fini__naps_are_not_for_this_platform;
#endif
