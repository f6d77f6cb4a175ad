/* SPDX-License-Identifier: MIT
 *
 * P1 to P3: a call that a gate guards, beside other guards and beside none.
 *
 * Decides: that each guard is in an image of its own, loaded at run time as a plugin is; that a
 * call is measured by the thread's own processor time, and two threads by the slower one.
 * Leaves to others: the guarded calls (gate_image.c).
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "bench.h"
#include "gate_image.h"

enum { CALLS = 200000 };
enum { PLAIN, FINI, MEMB, BP, RWLOCK, ATOMIC, IMAGES };
enum { ONE, TWO, EMPTY, KINDS };

static struct image {
    const char *path, *name;
    __typeof__(bench_thread_begins) *begins, *ends;
    __typeof__(bench_call) *call, *empty_call;
} images[IMAGES] = {
    [PLAIN] = {.path = "bench-gate-plain.so", .name = "unguarded"},
    [FINI] = {.path = "bench-gate-fini.so", .name = "gate"},
    [MEMB] = {.path = "bench-gate-memb.so", .name = "liburcu-memb"},
    [BP] = {.path = "bench-gate-bp.so", .name = "liburcu-bp"},
    [RWLOCK] = {.path = "bench-gate-rwlock.so", .name = "pthread_rwlock"},
    [ATOMIC] = {.path = "bench-gate-atomic.so", .name = "one atomic"},
};

/* A rival that is not installed was not built. */
static bool is_there(const struct image *image)
{
    return image->call != NULL;
}

static void load(struct image *image)
{
    if (!is_beside(image->path)) {
        fprintf(stderr, "%s: not measured, it was not there when this was built\n", image->name);
        return;
    }
    void *loaded = open_image(beside(image->path));
    *(void **)&image->begins = symbol_of(loaded, "bench_thread_begins");
    *(void **)&image->ends = symbol_of(loaded, "bench_thread_ends");
    *(void **)&image->call = symbol_of(loaded, "bench_call");
    *(void **)&image->empty_call = symbol_of(loaded, "bench_empty_call");
}

/* ---- one measurement ------------------------------------------------------------------------- */

struct caller {
    const struct image *image;
    bool empty;
    pthread_barrier_t *barrier;
    double took; /* a call */
};

static volatile unsigned long sink;

static double own_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *make_calls(void *arg)
{
    struct caller *c = arg;
    __typeof__(bench_call) *call = c->empty ? c->image->empty_call : c->image->call;
    unsigned long x = 1;
    c->image->begins();
    call(x);
    pthread_barrier_wait(c->barrier);
    double start = own_time();
    for (int n = 0; n < CALLS; n++)
        x = call(x);
    c->took = (own_time() - start) / CALLS;
    sink = x;
    c->image->ends();
    return NULL;
}

static double time_calls(const struct image *image, int kind)
{
    unsigned threads = kind == TWO ? 2 : 1;
    pthread_barrier_t barrier;
    pthread_t thread[2];
    struct caller caller[2];
    double slowest = 0;
    pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned n = 0; n < threads; n++) {
        caller[n] = (struct caller){image, kind == EMPTY, &barrier, 0};
        if (pthread_create(&thread[n], NULL, make_calls, &caller[n]) != 0)
            give_up("pthread_create");
    }
    for (unsigned n = 0; n < threads; n++) {
        pthread_join(thread[n], NULL);
        slowest = caller[n].took > slowest ? caller[n].took : slowest;
    }
    pthread_barrier_destroy(&barrier);
    return slowest;
}

/* ---- the rows -------------------------------------------------------------------------------- */

static struct series calls[KINDS][IMAGES];

static void measure(void)
{
    for (int round = 0; round < MORE_ROUNDS; round++)
        for (int n = 0; n < IMAGES; n++)
            for (int kind = 0; is_there(&images[n]) && kind < KINDS; kind++)
                series_add(&calls[kind][n], time_calls(&images[n], kind));
}

static void row_against(const char *id, double goal, int kind, int other)
{
    static const char *const kinds[KINDS] = {"1 thread", "2 threads", "empty call"};
    char what[80];
    if (!is_there(&images[other]))
        return;
    snprintf(what, sizeof what, "guarded call : %s, %s", images[other].name, kinds[kind]);
    table_ratio((struct row){id, what, goal, "ns"}, &calls[kind][FINI], &calls[kind][other]);
}

static void rows_against(const char *id, double goal, int other)
{
    row_against(id, goal, ONE, other);
    row_against(id, goal, TWO, other);
    row_against("", NO_GOAL, EMPTY, other);
}

void bench_calls(void)
{
    for (int n = 0; n < IMAGES; n++)
        load(&images[n]);
    measure();
    rows_against("P1", 1.15, PLAIN);
    rows_against("P2", 0.40, MEMB);
    rows_against("P2", 0.33, BP);
    rows_against("", NO_GOAL, RWLOCK);
    rows_against("", NO_GOAL, ATOMIC);
    table_ratio((struct row){"P3", "guarded call, 2 threads : 1 thread", 1.06, "ns"},
                &calls[TWO][FINI], &calls[ONE][FINI]);
    table_ratio((struct row){"", "unguarded call, 2 threads : 1 thread", NO_GOAL, "ns"},
                &calls[TWO][PLAIN], &calls[ONE][PLAIN]);
}
