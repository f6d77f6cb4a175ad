/* SPDX-License-Identifier: MIT
 *
 * P6 and P7: hooks beside handlers of atexit, to add and to run.
 *
 * Decides: each measurement is a process of its own that adds 100,000, because handlers cannot be
 * removed, and more than one lot in a process would measure how long libc's list has become. What
 * counts for running is the time from just before exit() until the oldest has run: libfini's walk
 * up the stack is in it, and so is what libc does for each block of handlers; the end of the
 * address space, which is neither's, is not.
 * Leaves to others: the loops themselves (adder.c).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adder.h"
#include "bench.h"

enum { HOOKS = 100000 };

static double add(const char *side, int count)
{
    void *image = open_image(beside("bench-adder.so"));
    double (*adder)(bool, int);
    *(void **)&adder = symbol_of(image, "adder_add");
    return adder(strstr(side, "hooks") != NULL, count) / count;
}

static void *sleep_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

/* Where there has never been one, libfini runs hooks without its lock. */
static void start_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0)
        give_up("pthread_create");
}

void part_add(const char *side, int count)
{
    if (strstr(side, "threads"))
        start_thread();
    tell(add(side, count));
    _exit(0);
}

void part_run(const char *side, int count)
{
    if (strstr(side, "threads"))
        start_thread();
    add(side, count);
    void (*leave)(void);
    *(void **)&leave = symbol_of(open_image(beside("bench-adder.so")), "adder_exit");
    leave();
}

static void compare(struct row row, const char *part, const char *hooks, const char *handlers)
{
    struct series ours = {.count = 0}, other = {.count = 0};
    double each = strcmp(part, "run") == 0 ? HOOKS : 1;
    for (int round = 0; round < ROUNDS; round++) {
        series_add(&other, ask(part, handlers, HOOKS).number[0] / each);
        series_add(&ours, ask(part, hooks, HOOKS).number[0] / each);
    }
    table_ratio(row, &ours, &other);
}

void bench_add(void)
{
    compare((struct row){"P6", "fini_add : atexit", 0.5, "ns"}, "add", "hooks", "handlers");
    compare((struct row){"", "the same where there is a second thread", NO_GOAL, "ns"}, "add",
            "hooks, threads", "handlers, threads");
}

void bench_run(void)
{
    compare((struct row){"P7", "running 1e5 hooks at exit : handlers of atexit", 0.25, "ns"}, "run",
            "hooks", "handlers");
    compare((struct row){"", "the same where there is a second thread", NO_GOAL, "ns"}, "run",
            "hooks, threads", "handlers, threads");
}
