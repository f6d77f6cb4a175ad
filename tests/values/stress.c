/* SPDX-License-Identifier: MIT
 *
 * Threads that end while another one unloads the plugin, or destroys the value, in every order that
 * comes up in a second: each value is destroyed exactly once.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

enum { THREADS = 8, SECONDS_OF_STRESS = 1 };

/* The value of a thread: how often it has been destroyed, and when. */
struct token {
    atomic_int destroyed;
    atomic_int by_unload;
};

struct round {
    struct image image;
    struct token token[THREADS];
    pthread_t thread[THREADS];
    pthread_barrier_t all_set;
    unsigned seed;
};

static atomic_int ended_by_thread, ended_by_unload;

static void count(void *value, fini_reason why)
{
    struct token *token = value;
    atomic_fetch_add(&token->destroyed, 1);
    atomic_fetch_add(why == FINI_THREAD_EXIT ? &ended_by_thread : &ended_by_unload, 1);
}

/* In nanoseconds, short enough to meet. */
static void dawdle(unsigned *seed)
{
    struct timespec begin, now;
    long length = rand_r(seed) % 60000;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - begin.tv_sec) * 1000000000L + now.tv_nsec - begin.tv_nsec < length);
}

struct runner {
    struct round *round;
    int n;
    unsigned seed;
};

static void *set_and_end(void *arg)
{
    struct runner self = *(struct runner *)arg;
    struct round *r = self.round;
    require_eq(r->image.p->set(0, &r->token[self.n]), FINI_OK);
    pthread_barrier_wait(&r->all_set);
    dawdle(&self.seed);
    return NULL;
}

static void play(struct round *r, void (*end)(struct round *))
{
    struct runner runners[THREADS];
    require_eq(r->image.p->init(0), FINI_OK);
    pthread_barrier_init(&r->all_set, NULL, THREADS + 1);
    for (int n = 0; n < THREADS; n++) {
        atomic_store(&r->token[n].destroyed, 0);
        runners[n] = (struct runner){r, n, (unsigned)rand_r(&r->seed)};
        require_eq(pthread_create(&r->thread[n], NULL, set_and_end, &runners[n]), 0);
    }
    pthread_barrier_wait(&r->all_set);
    dawdle(&r->seed);
    end(r);
    for (int n = 0; n < THREADS; n++)
        require_eq(atomic_load(&r->token[n].destroyed), 1);
    for (int n = 0; n < THREADS; n++)
        require_eq(pthread_join(r->thread[n], NULL), 0);
    pthread_barrier_destroy(&r->all_set);
}

static void destroy_value(struct round *r)
{
    r->image.p->destroy(0);
}

static void unload(struct round *r)
{
    if (WHERE_UNLOADED(false, true))
        destroy_value(r);
    close_image(&r->image);
}

static void *play_for_a_while(void *name)
{
    struct round r = {.seed = 4711};
    time_t end = time(NULL) + SECONDS_OF_STRESS + 1;
    while (time(NULL) < end) {
        open_image(&r.image, name);
        play(&r, unload);
    }
    return NULL;
}

static void require_both_ways(void)
{
    fprintf(stderr, "by threads: %d, by unload: %d\n", ended_by_thread, ended_by_unload);
    require(atomic_load(&ended_by_thread) > 0 && atomic_load(&ended_by_unload) > 0);
}

CASE(threads_end_while_it_is_unloaded, .unloads = true, .timeout = 60, .slow = true)
{
    report = count;
    play_for_a_while("values-plugin.so");
    require_both_ways();
}

CASE(two_plugins_at_once, .timeout = 60, .slow = true)
{
    pthread_t thread;
    report = count;
    require_eq(pthread_create(&thread, NULL, play_for_a_while, "values-other.so"), 0);
    play_for_a_while("values-plugin.so");
    pthread_join(thread, NULL);
    require_both_ways();
}

CASE(threads_end_while_it_is_destroyed, .timeout = 60, .slow = true)
{
    struct round r = {.seed = 4711};
    time_t end = time(NULL) + SECONDS_OF_STRESS + 1;
    report = count;
    open_image(&r.image, "values-plugin.so");
    while (time(NULL) < end)
        play(&r, destroy_value);
    close_image(&r.image);
    require_both_ways();
}

/* ---- set against destroy --------------------------------------------------------------------- */

static struct image shared_image;
static atomic_bool stop;
static atomic_int values_set;

static void *set_all_the_time(void *arg)
{
    while (!atomic_load(&stop)) {
        struct token *token = calloc(1, sizeof *token);
        require(token != NULL);
        if (shared_image.p->get(0) == NULL && shared_image.p->set(0, token) == FINI_OK)
            atomic_fetch_add(&values_set, 1);
        else
            free(token);
    }
    return arg;
}

static void free_token(void *value, fini_reason why)
{
    count(value, why);
    require_eq(atomic_load(&((struct token *)value)->destroyed), 1);
    free(value);
}

/* Whatever a call of set says it has set is destroyed. */
CASE(set_while_it_is_destroyed, .timeout = 60, .slow = true)
{
    pthread_t thread[2];
    time_t end = time(NULL) + SECONDS_OF_STRESS + 1;
    report = free_token;
    open_image(&shared_image, "values-plugin.so");
    for (int n = 0; n < 2; n++)
        require_eq(pthread_create(&thread[n], NULL, set_all_the_time, NULL), 0);
    while (time(NULL) < end) {
        require_eq(shared_image.p->init(0), FINI_OK);
        shared_image.p->destroy(0);
    }
    atomic_store(&stop, true);
    for (int n = 0; n < 2; n++)
        pthread_join(thread[n], NULL);
    close_image(&shared_image);
    require(atomic_load(&values_set) > 0);
    require_eq(atomic_load(&ended_by_unload) + atomic_load(&ended_by_thread), values_set);
}
