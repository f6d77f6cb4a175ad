/* SPDX-License-Identifier: MIT
 *
 * P11: a thread's value, set and destroyed at its end, beside a thread_local object.
 *
 * Decides: to measure in threads that only do this, in an image that is alone and in one that has
 * been loaded after 1000 others, which libc searches for each object.
 * Leaves to others: the loops (value_image.c).
 */
#include <pthread.h>

#include "bench.h"

enum { IMAGES = 1000 };

static void (*use)(bool as_locals);
static double (*cost)(void);

static void *use_in_thread(void *as_locals)
{
    use(as_locals != NULL);
    return NULL;
}

static double cost_in_thread(bool as_locals)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, use_in_thread, as_locals ? &thread : NULL) != 0)
        give_up("pthread_create");
    pthread_join(thread, NULL);
    return cost();
}

static void compare(struct row row)
{
    struct series ours = {.count = 0}, other = {.count = 0};
    for (int round = 0; round < ROUNDS; round++) {
        series_add(&other, cost_in_thread(false));
        series_add(&ours, cost_in_thread(true));
    }
    table_ratio(row, &ours, &other);
}

static void measure(struct row row, const char *path)
{
    void *image = open_image(path);
    *(void **)&use = symbol_of(image, "values_use");
    *(void **)&cost = symbol_of(image, "values_cost");
    compare(row);
}

void bench_values(void)
{
    struct copies others, last;
    measure((struct row){"P11", "thread value : thread_local", 0.5, "ns"},
            beside("bench-values.so"));
    copies_make(&others, "bench-plain.so", IMAGES);
    copies_make(&last, "bench-values.so", 1);
    for (int n = 0; n < IMAGES; n++)
        open_image(copy_path(others.folder, n));
    measure((struct row){"P11", "the same in an image loaded after 1000 others", 0.02, "ns"},
            copy_path(last.folder, 0));
    copies_remove(&others);
    copies_remove(&last);
}
