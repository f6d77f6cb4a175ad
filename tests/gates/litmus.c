/* SPDX-License-Identifier: MIT
 *
 * Store buffers, on the processor itself: one thread enters while another closes, once a try.
 *
 * Decides: that never both succeed. A processor reads the state before others see the depth
 * it has written. A closer with a fence of its own alone is built too, and has to be caught.
 * Leaves to others: everything but this order (stress.c, tests/models).
 */
#include <stdio.h>

#include "crowd.h"

static struct fini_gate gates[512], *gate;
static _Atomic unsigned tries, ready; /* the try that may begin; threads that have ended the last */
static _Atomic bool entered, stop;

/* Stores to lines that the other processor has just written take long, and the next ones wait
 * behind them, while loads pass. */
static struct {
    _Alignas(64) _Atomic unsigned word;
} lines[16];

static void write_lines(unsigned value)
{
    for (int n = 0; n < 16; n++)
        atomic_store_explicit(&lines[n].word, value, memory_order_relaxed);
}

/* One for which the closer soon comes to this thread's place. */
static struct fini_gate *choose_gate(void)
{
    struct fini_gate *best = gates;
    fini_gate_open(best); /* the first use maps the places */
#ifdef FINI__GATE_INLINE
    uintptr_t self = (uintptr_t)__builtin_thread_pointer();
    for (int n = 0; n < 512; n++)
        if (fini__gate_first_slot(self, &gates[n]) < fini__gate_first_slot(self, best))
            best = &gates[n];
#endif
    return best;
}

static void spin(uint32_t rounds)
{
    for (uint32_t n = 0; n < rounds; n++)
        __asm__ volatile("" ::: "memory");
}

static void wait_until(_Atomic unsigned *word, unsigned value)
{
    for (unsigned n = 1; atomic_load(word) != value; n++)
        if (n % 10000 == 0)
            sched_yield(); /* the other may have lost its processor */
}

/* Inside until the try is over. */
static void *enters(void *arg)
{
    uint32_t seed = 1;
    move_to_processor(1);
    gate = choose_gate();
    fini_gate_enter(gate); /* a place of its own */
    fini_gate_leave(gate);
    atomic_store(&ready, 3);
    for (unsigned n = 1; !atomic_load(&stop); n++) {
        uint32_t delay = next_random(&seed) % 32;
        wait_until(&tries, n);
        spin(delay);
        write_lines(n);
        bool inside = fini_gate_enter(gate);
        atomic_store(&entered, inside);
        atomic_fetch_add(&ready, 1);
        wait_until(&ready, 2);
        if (inside)
            fini_gate_leave(gate);
        atomic_fetch_add(&ready, 1);
    }
    return arg;
}

/* True: both have succeeded. The closer comes a little later when it was too early, and a little
 * earlier when it was too late: so that they often meet. */
static bool try_once(unsigned n)
{
    static uint32_t seed = 2, delay = 100;
    write_lines(0);
    atomic_store(&ready, 0);
    atomic_store(&tries, n);
    spin(delay + next_random(&seed) % 32);
    bool closed = fini_gate_close(gate, 0) == FINI_OK;
    wait_until(&ready, 1);
    bool both = closed && atomic_load(&entered);
    delay = closed ? delay + (delay < 10000) : delay - (delay > 0);
    fini_gate_open(gate);
    atomic_fetch_add(&ready, 1);
    wait_until(&ready, 3);
    return both;
}

static void run_litmus(void)
{
    unsigned n = 0, both = 0;
    need_fast_path_for_mistake();
    if (usable_processors() < 2)
        skip("one processor: nothing happens at the same time");
    /* Threads that wait for each other and yield are left on one processor by Linux when the others
     * are busy, for as long as this runs: nothing was caught in 1,700,000 tries. */
    pthread_t thread = start_thread(enters, NULL);
    move_to_processor(0);
    wait_until(&ready, 3);
    for (double end = seconds() + SECONDS; seconds() < end && both == 0;)
        for (int more = 0; more < 100; more++)
            both += try_once(++n);
    atomic_store(&stop, true);
    try_once(++n);
    pthread_join(thread, NULL);
    fprintf(stderr, "%u of %u tries\n", both, n);
    say_verdict(both != 0);
}

CASE(entering_and_closing, .expect = EXPECTED, .timeout = CASE_TIMEOUT, .slow = true)
{
    run_litmus();
}

#ifndef MISTAKE
CASE(entering_and_closing_with_fences_only, .expect = EXPECTED, .timeout = CASE_TIMEOUT,
     .slow = true)
{
    refuse_membarrier();
    run_litmus();
}
#endif
