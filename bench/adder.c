/* SPDX-License-Identifier: MIT
 *
 * An image with as many hooks, or as many handlers of atexit, as it is told to have. Both do the
 * same nothing.
 *
 * Decides: that the hooks' memory is there beforehand, as that of a caller who embeds them in his
 * objects is; atexit finds memory for its entries itself, and pays for it.
 * Leaves to others: what is made of the time (hooks.c, others.c).
 */
#include "adder.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fini.h"

static double started;

static double nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The oldest of all, and so the last to run. */
static void tell_time(void)
{
    double took = nanoseconds() - started;
    if (started > 0 && write(STDOUT_FILENO, &took, sizeof took) != sizeof took)
        _exit(1);
}

static void handler(void)
{
    __asm__ volatile("");
}

static void hook(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    __asm__ volatile("");
}

static void oldest_hook(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    tell_time();
}

static struct fini_hook oldest = FINI_HOOK_INIT(oldest_hook, NULL, FINI_ALWAYS);

/* Above libc's entries on the heap, as a program's own memory mostly is. Without it each block of
 * entries that libc frees at exit is given back to the kernel by a system call of its own, and a
 * handler costs 50 to 100 ns instead of 12. */
static void *volatile pinned;

static double add_handlers(int count)
{
    atexit(tell_time);
    double start = nanoseconds();
    for (int n = 0; n < count; n++)
        if (atexit(handler) != 0)
            _exit(1);
    double took = nanoseconds() - start;
    pinned = malloc(1);
    return took;
}

static double add_hooks(int count)
{
    struct fini_hook *hooks = malloc((size_t)count * sizeof *hooks);
    for (int n = 0; n < count; n++)
        hooks[n] = (struct fini_hook)FINI_HOOK_INIT(hook, NULL, FINI_ALWAYS);
    fini_add(&oldest);
    double start = nanoseconds();
    for (int n = 0; n < count; n++)
        if (fini_add(&hooks[n]) != FINI_OK)
            _exit(1);
    return nanoseconds() - start;
}

__attribute__((visibility("default"))) double adder_add(bool hooks, int count)
{
    return hooks ? add_hooks(count) : add_handlers(count);
}

__attribute__((visibility("default"))) void adder_exit(void)
{
    started = nanoseconds();
    exit(0);
}
