/* SPDX-License-Identifier: MIT
 *
 * Many threads, several gates, closed and opened at random.
 *
 * Decides: that nobody is inside while a gate is known to be empty, that whoever has been let in is
 * waited for, and that no closer waits for nobody. Threads end and others begin; in one
 * case there are more than places. Also built with the thread sanitizer, and with mistakes, which
 * have to be caught.
 * Leaves to others: store buffers (litmus.c), what one thread can show (tests/unit).
 */
#include <stdlib.h>

#include "crowd.h"

enum { GATES = 5 };

struct guarded {
    struct fini_gate gate;
    pthread_mutex_t openers; /* who has it may open the gate */
    _Atomic bool down;       /* the gate is known to be closed and empty */
    unsigned value;          /* changed while it is down, read inside: else a race */
};

static struct guarded guarded[GATES];
static _Atomic unsigned wrongs, visits, empties;
static _Atomic bool stop;
static double end_of_test;

static void wrong_if(bool wrong, const char *what)
{
    if (wrong && atomic_fetch_add(&wrongs, 1) == 0)
        say("wrong: %s", what);
}

static bool over(void)
{
    return atomic_load(&stop) || atomic_load(&wrongs) != 0 || seconds() > end_of_test;
}

/* Inside. */
static void use(struct guarded *g, uint32_t *seed, unsigned depth)
{
    unsigned before = g->value;
    wrong_if(atomic_load(&g->down), "inside an empty gate");
    if (next_random(seed) % 8 == 0)
        sched_yield();
    if (depth > 0 && next_random(seed) % 4 == 0) {
        bool nested = fini_gate_enter(&g->gate);
        wrong_if(!nested, "refused inside");
        if (nested) {
            use(g, seed, depth - 1);
            fini_gate_leave(&g->gate);
        }
    }
    wrong_if(atomic_load(&g->down), "inside an empty gate");
    wrong_if(g->value != before, "changed while inside");
}

/* For a while, and then ends. */
static void *visits_gates(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    for (int n = 0; n < 3000 && (n % 100 != 0 || !over()); n++) {
        struct guarded *g = &guarded[next_random(&seed) % GATES];
        if (!fini_gate_enter(&g->gate))
            continue;
        use(g, &seed, 2);
        fini_gate_leave(&g->gate);
        atomic_fetch_add_explicit(&visits, 1, memory_order_relaxed);
    }
    return NULL;
}

static void *starts_visitors(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    while (!over()) {
        pthread_t thread = start_thread(visits_gates, (void *)(uintptr_t)next_random(&seed));
        pthread_join(thread, NULL);
    }
    return NULL;
}

static void change_while_down(struct guarded *g)
{
    atomic_store(&g->down, true);
    for (int n = 0; n < 20; n++)
        g->value++;
    sched_yield();
    atomic_store(&g->down, false);
    atomic_fetch_add(&empties, 1);
}

/* A long wait ends when all have left: they never stay that long. */
static const int64_t timeouts[] = {0, 1000, 100000, -1, 20000000000};

static void *closes_and_opens(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    while (!over()) {
        struct guarded *g = &guarded[next_random(&seed) % GATES];
        int64_t timeout = timeouts[next_random(&seed) % 5];
        pthread_mutex_lock(&g->openers);
        int error = fini_gate_close(&g->gate, timeout);
        wrong_if(error != FINI_OK && error != FINI_ETIMEDOUT, "the error of close");
        wrong_if(error != FINI_OK && (timeout < 0 || timeout > 1000000), "it took too long");
        if (error == FINI_OK)
            change_while_down(g);
        wrong_if(fini_gate_open(&g->gate) != FINI_OK, "the error of open");
        pthread_mutex_unlock(&g->openers);
        nap(next_random(&seed) % 50);
    }
    return NULL;
}

/* In between, and without a claim to what it finds. */
static void *closes_only(void *arg)
{
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    while (!over()) {
        struct guarded *g = &guarded[next_random(&seed) % GATES];
        int error = fini_gate_close(&g->gate, next_random(&seed) % 200000);
        wrong_if(error != FINI_OK && error != FINI_ETIMEDOUT, "the error of close");
        nap(next_random(&seed) % 300);
    }
    return NULL;
}

static void start_test(void)
{
    end_of_test = seconds() + SECONDS;
    for (int n = 0; n < GATES; n++) {
        guarded[n].gate = (struct fini_gate)FINI_GATE_INIT;
        pthread_mutex_init(&guarded[n].openers, NULL);
    }
}

static void run_stress(void)
{
    enum { STARTERS = 6, CLOSERS = 3 };
    pthread_t thread[STARTERS + CLOSERS + 1];
    unsigned count = 0;
    start_test();
    for (uintptr_t n = 0; n < STARTERS; n++)
        thread[count++] = start_thread(starts_visitors, (void *)(n + 1));
    for (uintptr_t n = 0; n < CLOSERS; n++)
        thread[count++] = start_thread(closes_and_opens, (void *)(n + 77));
    thread[count++] = start_thread(closes_only, (void *)99);
    while (count > 0)
        pthread_join(thread[--count], NULL);
    for (int n = 0; n < GATES; n++)
        require_eq(fini_gate_close(&guarded[n].gate, 0), FINI_OK);
    require(atomic_load(&visits) > 0 && atomic_load(&empties) > 0);
}

/* ---- more than places ------------------------------------------------------------------------ */

enum { CROWD = 700 };

static pthread_barrier_t all_inside, some_leave;
static _Atomic unsigned still_inside;

static void *waits_inside(void *arg)
{
    uintptr_t n = (uintptr_t)arg;
    struct fini_gate *gate = &guarded[n % 2].gate;
    wrong_if(!fini_gate_enter(gate) || !fini_gate_enter(gate), "refused");
    pthread_barrier_wait(&all_inside);
    pthread_barrier_wait(&some_leave);
    if (n % 2 == 0) {
        wrong_if(!fini_gate_enter(gate), "refused inside");
        fini_gate_leave(gate);
    }
    fini_gate_leave(gate);
    sched_yield();
    atomic_fetch_sub(&still_inside, n % 2 == 0);
    fini_gate_leave(gate);
    return NULL;
}

static void run_crowd(void)
{
    static pthread_t thread[CROWD];
    start_test();
    pthread_barrier_init(&all_inside, NULL, CROWD + 1);
    pthread_barrier_init(&some_leave, NULL, CROWD + 1);
    atomic_store(&still_inside, CROWD / 2);
    for (uintptr_t n = 0; n < CROWD; n++)
        thread[n] = start_thread(waits_inside, (void *)n);
    pthread_barrier_wait(&all_inside);
    wrong_if(fini_gate_close(&guarded[0].gate, 0) != FINI_ETIMEDOUT, "empty with all inside");
    pthread_barrier_wait(&some_leave);
    wrong_if(fini_gate_close(&guarded[0].gate, 20000000000) != FINI_OK, "never empty");
    wrong_if(atomic_load(&still_inside) != 0, "empty with some inside");
    for (int n = 0; n < CROWD; n++)
        pthread_join(thread[n], NULL);
    wrong_if(fini_gate_close(&guarded[1].gate, 0) != FINI_OK, "not empty");
}

/* With a mistake any of the two must find it. */
#ifdef MISTAKE
CASE(stress, .expect = "wrong: *\n", .ends = true, .timeout = CASE_TIMEOUT, .slow = true)
{
    while (atomic_load(&wrongs) == 0 && (end_of_test == 0 || seconds() < end_of_test)) {
        run_crowd();
        if (atomic_load(&wrongs) == 0)
            run_stress();
    }
    exit(0);
}
#else
CASE(stress, .timeout = CASE_TIMEOUT, .slow = true)
{
    run_stress();
}

CASE(stress_with_fences_only, .timeout = CASE_TIMEOUT, .slow = true)
{
    refuse_membarrier();
    run_stress();
}

CASE(more_threads_than_places, .timeout = CASE_TIMEOUT, .slow = true)
{
    for (int n = 0; n < 3; n++)
        run_crowd();
}
#endif
