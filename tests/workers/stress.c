/* SPDX-License-Identifier: MIT
 *
 * Many workers, which are started, stopped, waited for and unloaded in all their states at once.
 *
 * A round opens the plugin, lets threads start and stop its workers in a random order, and unloads
 * it while workers run. What is looked at: each start that succeeds is one run, what is stopped
 * runs no more, and the plugin is gone after each round; in children, too.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "host.h"

enum { ROUNDS = 60, STEPS = 40, GUESTS = 3 };

static struct image image;
static atomic_int runs[PLUGIN_WORKERS], inside[PLUGIN_WORKERS], started[PLUGIN_WORKERS];

static void run(int n)
{
    require_eq(atomic_fetch_add(&inside[n], 1), 0);
    runs[n]++;
    if (runs[n] % 3 != 0)
        while (image.p->wait(n, 100000) != FINI_OK)
            ;
    atomic_fetch_sub(&inside[n], 1);
}

static void step(unsigned *seed)
{
    int n = rand_r(seed) % PLUGIN_WORKERS;
    if (rand_r(seed) % 2) {
        int error = image.p->start(n, run);
        require(error == FINI_OK || error == FINI_EBUSY);
        started[n] += error == FINI_OK;
    } else {
        int error = image.p->stop(n);
        require(error == FINI_OK || error == FINI_ENOENT);
    }
}

static void take_steps(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int n = 0; n < STEPS; n++)
        step(&seed);
}

/* Elsewhere the unload does it. */
static void stop_all_where_they_stay(void)
{
    for (int n = 0; n < PLUGIN_WORKERS && WHERE_UNLOADED(false, true); n++)
        image.p->stop(n);
}

static void play_round(unsigned round)
{
    struct guest guests[GUESTS];
    open_image(&image, "workers-plugin.so");
    for (unsigned n = 0; n < GUESTS; n++) {
        guests[n] = (struct guest){.first = take_steps, .last = take_steps,
                                   .arg = (void *)(uintptr_t)(round * GUESTS + n + 1)};
        guest_starts(&guests[n]);
    }
    for (unsigned n = 0; n < GUESTS; n++)
        guest_ends(&guests[n]);
    stop_all_where_they_stay();
    close_image(&image);
}

CASE(each_start_is_a_run, .timeout = 240, .slow = true)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        play_round(round);
        for (int n = 0; n < PLUGIN_WORKERS; n++) {
            require_eq(runs[n], started[n]);
            require_eq(inside[n], 0);
        }
    }
    require(runs[0] > 0);
}

/* ---- forked meanwhile ------------------------------------------------------------------------ */

enum { CHILDREN = 200 };

static atomic_bool enough;

static void *step_until_enough(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!enough)
        step(&seed);
    return NULL;
}

static void *take_some_steps(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int n = 0; n < STEPS; n++)
        step(&seed);
    return NULL;
}

static void start_threads(pthread_t threads[GUESTS], void *(*run_of)(void *arg), unsigned seed)
{
    for (unsigned n = 0; n < GUESTS; n++)
        require_eq(pthread_create(&threads[n], NULL, run_of, (void *)(uintptr_t)(seed + n)), 0);
}

static void join_threads(const pthread_t threads[GUESTS])
{
    for (unsigned n = 0; n < GUESTS; n++)
        require_eq(pthread_join(threads[n], NULL), 0);
}

/* Every second one is unloaded with what the parent's threads have left half done. */
static void be_child(void *arg)
{
    unsigned n = *(unsigned *)arg;
    pthread_t threads[GUESTS];
    for (int worker = 0; worker < PLUGIN_WORKERS; worker++)
        inside[worker] = 0;
    if (n % 2) {
        start_threads(threads, take_some_steps, n * GUESTS + 1);
        join_threads(threads);
    }
    close_image(&image);
}

CASE(forked_while_they_come_and_go, .timeout = 60, .slow = true)
{
    pthread_t threads[GUESTS];
    open_image(&image, "workers-plugin.so");
    start_threads(threads, step_until_enough, 1);
    for (unsigned n = 0; n < CHILDREN; n++)
        in_sound_child(be_child, &n);
    enough = true;
    join_threads(threads);
    close_image(&image);
}

/* ---- for the first time ---------------------------------------------------------------------- */

static void nothing(void *unused)
{
    (void)unused;
}

/* All start at once: what the process shares is made once. */
static void start_own(void *arg)
{
    int n = (int)(uintptr_t)arg;
    require_eq(image.p->start(n, run), FINI_OK);
}

CASE(all_started_at_once)
{
    struct guest guests[PLUGIN_WORKERS];
    open_image(&image, "workers-plugin.so");
    for (int n = 0; n < PLUGIN_WORKERS; n++) {
        guests[n] = (struct guest){.first = nothing, .last = start_own,
                                   .arg = (void *)(uintptr_t)n};
        guest_starts(&guests[n]);
    }
    for (int n = 0; n < PLUGIN_WORKERS; n++)
        sem_post(&guests[n].leave);
    for (int n = 0; n < PLUGIN_WORKERS; n++)
        require_eq(pthread_join(guests[n].thread, NULL), 0);
    stop_all_where_they_stay();
    close_image(&image);
    for (int n = 0; n < PLUGIN_WORKERS; n++)
        require_eq(runs[n], 1);
}
