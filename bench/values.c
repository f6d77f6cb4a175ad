/* SPDX-License-Identifier: MIT
 *
 * P11: a thread's value, set and destroyed at its end, beside a thread_local object and a key.
 *
 * Decides: to measure in threads that only do this, in an image that is alone and in one that has
 * been loaded after 1000 others, which libc searches for each object.
 * Leaves to others: the loops (value_image.c).
 */
#include <pthread.h>

#include "bench.h"
#include "value_image.h"

enum { IMAGES = 1000 };

static __typeof__(values_use) *use;
static __typeof__(values_cost) *cost;

static void *use_in_thread(void *kind)
{
    use(*(const enum values_kind *)kind);
    return NULL;
}

static double cost_in_thread(enum values_kind kind)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, use_in_thread, &kind) != 0)
        give_up("pthread_create");
    pthread_join(thread, NULL);
    return cost();
}

static void measure(const char *path, struct row objects, struct row keys)
{
    struct series series[VALUES_KINDS] = {{.count = 0}};
    void *image = open_image(path);
    *(void **)&use = symbol_of(image, "values_use");
    *(void **)&cost = symbol_of(image, "values_cost");
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned kind = 0; kind < VALUES_KINDS; kind++)
            series_add(&series[kind], cost_in_thread((enum values_kind)kind));
    table_ratio(objects, &series[AS_LOCALS], &series[AS_OBJECTS]);
    table_ratio(keys, &series[AS_LOCALS], &series[AS_KEYS]);
}

void bench_values(void)
{
    struct copies others, last;
    measure(beside("bench-values.so"),
            (struct row){"P11", "thread value : thread_local", 0.5, "ns"},
            (struct row){"", "thread value : thread key", NO_GOAL, "ns"});
    copies_make(&others, "bench-plain.so", IMAGES);
    copies_make(&last, "bench-values.so", 1);
    for (int n = 0; n < IMAGES; n++)
        open_image(copy_path(others.folder, n));
    measure(copy_path(last.folder, 0),
            (struct row){"P11", "value : thread_local, after 1000 other images", 0.02, "ns"},
            (struct row){"", "value : thread key, after 1000 other images", NO_GOAL, "ns"});
    copies_remove(&others);
    copies_remove(&last);
}
