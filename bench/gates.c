/* SPDX-License-Identifier: MIT
 *
 * bench-gates: what a gate costs, beside other guards and beside none.
 *
 * Decides: what is measured and how - ratios of medians of interleaved rounds, so that a slow or
 * noisy machine changes the spread and not the ratio; calls by the thread's own processor time.
 * The exit status is 0 whatever the figures: a speed is no test.
 * Leaves to others: the guarded calls (gate_image.c).
 */
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gate_image.h"

enum { ROUNDS = 41, CALLS = 200000, CLOSES = 300, WAKES = 60, SLEEPERS = 256 };
enum { PLAIN, FINI, MEMB, BP, RWLOCK, ATOMIC, IMAGES };
enum { PRIVATE_EXPEDITED = 8, REGISTER_PRIVATE_EXPEDITED = 16 };

struct image {
    const char *name;
    __typeof__(bench_thread_begins) *begins, *ends;
    __typeof__(bench_call) *call, *empty_call;
};

static struct image images[IMAGES];

static struct {
    __typeof__(bench_close) *close;
    __typeof__(bench_open) *open, *enter, *leave;
} gate;

static double nanoseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *find(void *image, const char *name)
{
    void *found = dlsym(image, name);
    if (!found) {
        fprintf(stderr, "bench-gates: no %s\n", name);
        exit(1);
    }
    return found;
}

static void *load(struct image *ret, const char *path)
{
    void *image = dlopen(path, RTLD_NOW);
    if (!image) {
        fprintf(stderr, "bench-gates: %s\n", dlerror());
        exit(1);
    }
    *(void **)&ret->begins = find(image, "bench_thread_begins");
    *(void **)&ret->ends = find(image, "bench_thread_ends");
    *(void **)&ret->call = find(image, "bench_call");
    *(void **)&ret->empty_call = find(image, "bench_empty_call");
    return image;
}

static void load_all(char **paths)
{
    static const char *const names[IMAGES] = {"unguarded", "gate", "liburcu-memb", "liburcu-bp",
                                              "pthread_rwlock", "one atomic"};
    for (int n = 0; n < IMAGES; n++) {
        void *image = load(&images[n], paths[n]);
        images[n].name = names[n];
        if (n != FINI)
            continue;
        *(void **)&gate.close = find(image, "bench_close");
        *(void **)&gate.open = find(image, "bench_open");
        *(void **)&gate.enter = find(image, "bench_enter");
        *(void **)&gate.leave = find(image, "bench_leave");
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

struct series {
    double of[ROUNDS];
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, int count, double q)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[(int)(q * (count - 1) + 0.5)];
}

/* A goal of 0: for information. */
static void print_row(const char *id, const char *what, double goal, struct series *ours,
                      struct series *other)
{
    double base = quantile(other->of, ROUNDS, 0.5);
    double ratio = quantile(ours->of, ROUNDS, 0.5) / base;
    char verdict[32] = "";
    if (goal > 0)
        snprintf(verdict, sizeof verdict, "<= %.2f %s", goal, ratio <= goal ? "met" : "missed");
    printf("%-3s %-46s %6.2f  %-15s (%.2f to %.2f; %.2f ns beside %.2f ns)\n", id, what, ratio,
           verdict, quantile(ours->of, ROUNDS, 0.1) / base, quantile(ours->of, ROUNDS, 0.9) / base,
           quantile(ours->of, ROUNDS, 0.5), base);
}

/* ---- P1 to P3: calls ------------------------------------------------------------------------- */

struct caller {
    const struct image *image;
    bool empty;
    pthread_barrier_t *barrier;
    double took; /* a call */
};

static volatile unsigned long sink;

static void *make_calls(void *arg)
{
    struct caller *c = arg;
    __typeof__(bench_call) *call = c->empty ? c->image->empty_call : c->image->call;
    unsigned long x = 1;
    c->image->begins();
    call(x);
    pthread_barrier_wait(c->barrier);
    double start = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    for (int n = 0; n < CALLS; n++)
        x = call(x);
    c->took = (nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start) / CALLS;
    sink = x;
    c->image->ends();
    return NULL;
}

static double time_calls(const struct image *image, int threads, bool empty)
{
    pthread_barrier_t barrier;
    pthread_t thread[2];
    struct caller caller[2];
    double slowest = 0;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int n = 0; n < threads; n++) {
        caller[n] = (struct caller){image, empty, &barrier, 0};
        pthread_create(&thread[n], NULL, make_calls, &caller[n]);
    }
    for (int n = 0; n < threads; n++) {
        pthread_join(thread[n], NULL);
        slowest = caller[n].took > slowest ? caller[n].took : slowest;
    }
    pthread_barrier_destroy(&barrier);
    return slowest;
}

static struct series calls[3][IMAGES]; /* one thread, two, one with empty calls */

static void measure_calls(void)
{
    for (int round = 0; round < ROUNDS; round++)
        for (int n = 0; n < IMAGES; n++) {
            calls[0][n].of[round] = time_calls(&images[n], 1, false);
            calls[1][n].of[round] = time_calls(&images[n], 2, false);
            calls[2][n].of[round] = time_calls(&images[n], 1, true);
        }
}

static void print_against(const char *id, double goal, int kind, int other)
{
    static const char *const kinds[] = {"1 thread", "2 threads", "empty call"};
    char what[80];
    snprintf(what, sizeof what, "guarded call : %s, %s", images[other].name, kinds[kind]);
    print_row(id, what, goal, &calls[kind][FINI], &calls[kind][other]);
}

static void bench_calls(void)
{
    measure_calls();
    print_against("P1", 1.15, 0, PLAIN);
    print_against("P1", 1.15, 1, PLAIN);
    print_against("P2", 0.40, 0, MEMB);
    print_against("P2", 0.40, 1, MEMB);
    print_against("P2", 0.33, 0, BP);
    print_against("P2", 0.33, 1, BP);
    for (int kind = 0; kind < 3; kind++) {
        print_against("", 0, kind, RWLOCK);
        print_against("", 0, kind, ATOMIC);
    }
    print_against("", 0, 2, PLAIN);
    print_against("", 0, 2, MEMB);
    print_against("", 0, 2, BP);
    print_row("P3", "guarded call, 2 threads : 1 thread", 1.06, &calls[1][FINI], &calls[0][FINI]);
    print_row("", "unguarded call, 2 threads : 1 thread", 0, &calls[1][PLAIN], &calls[0][PLAIN]);
}

/* ---- P4: closing ----------------------------------------------------------------------------- */

static double time_closes(void)
{
    double start = nanoseconds(CLOCK_MONOTONIC);
    for (int n = 0; n < CLOSES; n++) {
        gate.close(-1);
        gate.open();
    }
    return (nanoseconds(CLOCK_MONOTONIC) - start) / CLOSES;
}

static double time_membarriers(void)
{
    double start = nanoseconds(CLOCK_MONOTONIC);
    for (int n = 0; n < CLOSES; n++)
        syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0);
    return (nanoseconds(CLOCK_MONOTONIC) - start) / CLOSES;
}

static pthread_barrier_t asleep, awake;

/* It has been inside, and now sleeps. */
static void *sleep_outside(void *arg)
{
    images[FINI].call(1);
    pthread_barrier_wait(&asleep);
    pthread_barrier_wait(&awake);
    return arg;
}

static struct series close_costs[2], fence_costs[2];

/* In rounds of their own, since 256 threads cannot come and go in each: the fence beside each. */
static void close_beside(int sleepers, int kind)
{
    pthread_t thread[SLEEPERS];
    pthread_barrier_init(&asleep, NULL, (unsigned)sleepers + 1);
    pthread_barrier_init(&awake, NULL, (unsigned)sleepers + 1);
    for (int n = 0; n < sleepers; n++)
        pthread_create(&thread[n], NULL, sleep_outside, NULL);
    pthread_barrier_wait(&asleep);
    for (int round = 0; round < ROUNDS; round++) {
        close_costs[kind].of[round] = time_closes();
        fence_costs[kind].of[round] = time_membarriers();
    }
    pthread_barrier_wait(&awake);
    for (int n = 0; n < sleepers; n++)
        pthread_join(thread[n], NULL);
}

static void bench_close_and_open(void)
{
    syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0);
    close_beside(2, 0);
    close_beside(SLEEPERS, 1);
    print_row("P4", "close + open, nobody inside : membarrier", 2.2, &close_costs[0],
              &fence_costs[0]);
    print_row("P4", "the same, 256 threads : 2 threads", 1.25, &close_costs[1], &close_costs[0]);
    print_row("", "membarrier, 256 threads : 2 threads", 0, &fence_costs[1], &fence_costs[0]);
}

/* ---- P5: waking ------------------------------------------------------------------------------ */

static _Atomic unsigned turn; /* odd: the sleeper goes to sleep */
static _Atomic unsigned word;
static double woken_at;

static void sleep_on_word(void)
{
    while (atomic_load(&word) == 0)
        syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
}

static void wait_for_turn(unsigned odd)
{
    while ((atomic_load(&turn) & 1) != odd)
        sched_yield();
}

static void *sleep_and_note(void *arg)
{
    for (int n = 0; n < WAKES; n++) {
        wait_for_turn(1);
        if (arg)
            gate.close(-1);
        else
            sleep_on_word();
        woken_at = nanoseconds(CLOCK_MONOTONIC);
        atomic_fetch_add(&turn, 1);
    }
    return NULL;
}

static void wake_word(void)
{
    atomic_store(&word, 1);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

/* Long enough that the other side sleeps in the kernel. */
static void let_it_sleep(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 150000}, NULL);
}

static double time_wakes(bool by_gate)
{
    double took[WAKES];
    pthread_t sleeper;
    pthread_create(&sleeper, NULL, sleep_and_note, by_gate ? &sleeper : NULL);
    for (int n = 0; n < WAKES; n++) {
        gate.open();
        atomic_store(&word, 0);
        if (by_gate)
            gate.enter();
        atomic_fetch_add(&turn, 1);
        let_it_sleep();
        double start = nanoseconds(CLOCK_MONOTONIC);
        if (by_gate)
            gate.leave();
        else
            wake_word();
        wait_for_turn(0);
        took[n] = woken_at - start;
    }
    pthread_join(sleeper, NULL);
    gate.open();
    return quantile(took, WAKES, 0.5);
}

static void bench_wake(void)
{
    struct series ours, raw;
    for (int round = 0; round < ROUNDS; round++) {
        ours.of[round] = time_wakes(true);
        raw.of[round] = time_wakes(false);
    }
    print_row("P5", "last leave to closer awake : futex wake", 1.5, &ours, &raw);
}

int main(int argc, char **argv)
{
    if (argc != 1 + IMAGES) {
        fprintf(stderr, "usage: bench-gates PLAIN GATE MEMB BP RWLOCK ATOMIC\n");
        return 2;
    }
    load_all(argv + 1);
    printf("median of %d interleaved rounds\n", ROUNDS);
    bench_calls();
    bench_close_and_open();
    bench_wake();
    return 0;
}
