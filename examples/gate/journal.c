/* SPDX-License-Identifier: MIT
 *
 * A library that must not lose its lines at exit, while other threads may still be adding some, and
 * may not free them before these threads are gone.
 *
 * Each call goes through a gate. The finalizer closes it, and waits - but not for ever: a thread
 * that is blocked inside at exit will never leave. What must not be lost is written in either
 * case, under the lock that guards it. What would be nice to give back is left to the system
 * unless nobody is inside.
 */
#include "journal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fini.h"

enum { LINES_MOST = 1024, MILLISECOND = 1000000, PATIENCE = 50 * MILLISECOND };

static struct fini_gate gate = FINI_GATE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **lines;
static unsigned count;
static unsigned written;

static bool keep(char *copy)
{
    if (!lines)
        lines = calloc(LINES_MOST, sizeof *lines);
    if (!lines || count == LINES_MOST)
        return false;
    lines[count++] = copy;
    return true;
}

bool journal_add(const char *line)
{
    if (!fini_gate_enter(&gate))
        return false;
    char *copy = strdup(line);
    pthread_mutex_lock(&lock);
    bool kept = copy && keep(copy);
    pthread_mutex_unlock(&lock);
    if (!kept)
        free(copy);
    fini_gate_leave(&gate);
    return kept;
}

/* Without the lock: `see` may take as long as it likes. Lines are only ever added. */
bool journal_each(void (*see)(const char *line, void *arg), void *arg)
{
    if (!fini_gate_enter(&gate))
        return false;
    pthread_mutex_lock(&lock);
    unsigned end = count;
    pthread_mutex_unlock(&lock);
    for (unsigned n = 0; n < end; n++)
        see(lines[n], arg);
    fini_gate_leave(&gate);
    return true;
}

static void flush(void)
{
    for (; written < count; written++)
        printf("journal: %s\n", lines[written]);
    fflush(stdout);
}

static void give_back(void)
{
    while (count > 0)
        free(lines[--count]);
    free(lines);
    lines = NULL;
}

/* A thread that was killed or is blocked may hold the lock at exit: not for ever either. */
static bool take_lock(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    return pthread_mutex_timedlock(&lock, &until) == 0;
}

static void end(void *arg, fini_reason why)
{
    (void)arg;
    bool empty = fini_gate_close(&gate, PATIENCE) == FINI_OK;
    if (take_lock()) {
        flush();
        pthread_mutex_unlock(&lock);
    }
    if (empty)
        give_back();
    printf("journal: %s, %s\n", fini_reason_name(why),
           empty ? "all given back" : "somebody is inside, the rest is left");
}

/* What a forked child has is a copy, which its parent is going to write. */
FINI_HOOK(end, NULL, FINI_ALWAYS | FINI_NOT_IN_CHILD);
