/* SPDX-License-Identifier: MIT
 *
 * P4 and P5: a gate that is closed while nobody is inside, and one that the last thread leaves.
 *
 * Decides: what stands for the least that either can cost - one membarrier, and the wake of a raw
 * futex. Measured is time that passes: the other side's counts.
 * Leaves to others: the gate (gate_image.c).
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "gate_image.h"

enum { CLOSES = 300, WAKES = 60, SLEEPERS = 256 };
enum { PRIVATE_EXPEDITED = 8, REGISTER_PRIVATE_EXPEDITED = 16 };

static struct {
    __typeof__(bench_call) *call;
    __typeof__(bench_close) *close;
    __typeof__(bench_open) *open, *enter, *leave;
} gate;

static void load(void)
{
    void *image = open_image(beside("bench-gate-fini.so"));
    *(void **)&gate.call = symbol_of(image, "bench_call");
    *(void **)&gate.close = symbol_of(image, "bench_close");
    *(void **)&gate.open = symbol_of(image, "bench_open");
    *(void **)&gate.enter = symbol_of(image, "bench_enter");
    *(void **)&gate.leave = symbol_of(image, "bench_leave");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- P4: closing ----------------------------------------------------------------------------- */

static double time_closes(void)
{
    double start = now();
    for (int n = 0; n < CLOSES; n++) {
        gate.close(-1);
        gate.open();
    }
    return (now() - start) / CLOSES;
}

static double time_membarriers(void)
{
    double start = now();
    for (int n = 0; n < CLOSES; n++)
        syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0);
    return (now() - start) / CLOSES;
}

static pthread_barrier_t asleep, awake;

/* It has been inside, and now sleeps. */
static void *sleep_outside(void *arg)
{
    gate.call(1);
    pthread_barrier_wait(&asleep);
    pthread_barrier_wait(&awake);
    return arg;
}

/* The fence beside each close, since 256 threads cannot come and go in each round. */
static void close_beside(unsigned sleepers, struct series *closes, struct series *fences)
{
    pthread_t thread[SLEEPERS];
    pthread_barrier_init(&asleep, NULL, sleepers + 1);
    pthread_barrier_init(&awake, NULL, sleepers + 1);
    for (unsigned n = 0; n < sleepers; n++)
        if (pthread_create(&thread[n], NULL, sleep_outside, NULL) != 0)
            give_up("pthread_create");
    pthread_barrier_wait(&asleep);
    for (int round = 0; round < MORE_ROUNDS; round++) {
        series_add(closes, time_closes());
        series_add(fences, time_membarriers());
    }
    pthread_barrier_wait(&awake);
    for (unsigned n = 0; n < sleepers; n++)
        pthread_join(thread[n], NULL);
}

void bench_close_and_open(void)
{
    static struct series closes[2], fences[2];
    load();
    syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0);
    close_beside(2, &closes[0], &fences[0]);
    close_beside(SLEEPERS, &closes[1], &fences[1]);
    table_ratio((struct row){"P4", "close + open, nobody inside : membarrier", 2.2, "ns"},
                &closes[0], &fences[0]);
    table_ratio((struct row){"P4", "the same, 256 threads : 2 threads", 1.25, "ns"}, &closes[1],
                &closes[0]);
    table_ratio((struct row){"", "membarrier, 256 threads : 2 threads", NO_GOAL, "ns"}, &fences[1],
                &fences[0]);
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

static void *sleep_and_note(void *by_gate)
{
    for (int n = 0; n < WAKES; n++) {
        wait_for_turn(1);
        if (by_gate)
            gate.close(-1);
        else
            sleep_on_word();
        woken_at = now();
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

static double time_wake(bool by_gate)
{
    gate.open();
    atomic_store(&word, 0);
    if (by_gate)
        gate.enter();
    atomic_fetch_add(&turn, 1);
    let_it_sleep();
    double start = now();
    if (by_gate)
        gate.leave();
    else
        wake_word();
    wait_for_turn(0);
    return woken_at - start;
}

static double time_wakes(bool by_gate)
{
    struct series took = {.count = 0};
    pthread_t sleeper;
    if (pthread_create(&sleeper, NULL, sleep_and_note, by_gate ? &sleeper : NULL) != 0)
        give_up("pthread_create");
    for (int n = 0; n < WAKES; n++)
        series_add(&took, time_wake(by_gate));
    pthread_join(sleeper, NULL);
    gate.open();
    return median(&took);
}

void bench_wake(void)
{
    struct series ours = {.count = 0}, raw = {.count = 0};
    load();
    for (int round = 0; round < MORE_ROUNDS; round++) {
        series_add(&ours, time_wakes(true));
        series_add(&raw, time_wakes(false));
    }
    table_ratio((struct row){"P5", "last leave to closer awake : futex wake", 1.5, "ns"}, &ours,
                &raw);
}
