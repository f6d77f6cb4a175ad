/* SPDX-License-Identifier: MIT
 *
 * A library that buffers lines and has a thread of its own to write them. Its last lines must not
 * be lost, whether it is unloaded or the process exits.
 *
 * At unload the worker is asked to stop, writes what is left, and is waited for; then the file is
 * closed, because hooks and workers unwind newest first. At exit nobody waits for the worker, which
 * may be asleep or hang in a write. The thread that exits writes what is left itself. For a write
 * under way it waits a while, so that the lines stay in order, but not for ever.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fini.h"

enum { MILLISECOND = 1000000, SECOND = 1000000000, PATIENCE = 200 * MILLISECOND };
enum { BUFFER_SIZE = 4096 };

/* `writing` is taken first. It guards `taken`, and is held as long as the file takes. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;
static char added[BUFFER_SIZE], taken[BUFFER_SIZE];
static size_t length;
static int file = -1;
static int64_t pause_ns;
static struct fini_worker flusher = FINI_WORKER_INIT;

bool log_line(const char *line)
{
    size_t size = strlen(line);
    if (fini_forked())
        return false;
    pthread_mutex_lock(&adding);
    bool fits = size < BUFFER_SIZE - length;
    if (fits) {
        memcpy(added + length, line, size);
        added[length + size] = '\n';
        length += size + 1;
    }
    pthread_mutex_unlock(&adding);
    return fits;
}

/* At exit a lock may belong to a thread that never gives it back. */
static bool lock_soon(pthread_mutex_t *lock)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE;
    until.tv_sec += until.tv_nsec / SECOND;
    until.tv_nsec %= SECOND;
    return pthread_mutex_timedlock(lock, &until) == 0;
}

static void write_all(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(file, text, size);
        if (n < 0 && errno != EINTR)
            return;
        text += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
}

static void flush(void)
{
    if (!lock_soon(&adding))
        return;
    size_t size = length;
    memcpy(taken, added, size);
    length = 0;
    pthread_mutex_unlock(&adding);
    write_all(taken, size);
}

static void flush_in_turn(void)
{
    pthread_mutex_lock(&writing);
    flush();
    pthread_mutex_unlock(&writing);
}

static void run(struct fini_worker *w, void *arg)
{
    (void)arg;
    while (fini_worker_wait(w, pause_ns) == FINI_ETIMEDOUT)
        flush_in_turn();
    flush_in_turn();
}

static void write_the_rest(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    if (!lock_soon(&writing))
        return;
    flush();
    pthread_mutex_unlock(&writing);
}

static void close_file(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    if (file >= 0)
        close(file);
}

/* A forked child has a copy of the buffer, which its parent is going to write, and no worker. */
FINI_UNLOAD_HOOK(close_file, NULL);
FINI_HOOK(write_the_rest, NULL, FINI_ON_EXIT | FINI_NOT_IN_CHILD);

bool log_open(const char *path, unsigned period)
{
    pause_ns = (int64_t)period * MILLISECOND;
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return file >= 0 && fini_worker_start(&flusher, run, NULL) == FINI_OK;
}
