/* SPDX-License-Identifier: MIT
 *
 * P13: the exit of a process with a thousand images.
 *
 * Decides: what counts is all that the process uses from just before exit() on, the end of its
 * address space too: that is larger with libfini.
 * Leaves to others: the images (image.c).
 */
#include <stdlib.h>

#include "bench.h"

enum { IMAGES = 1000 };

void part_exit(const char *folder, int count)
{
    for (int n = 0; n < count; n++)
        open_image(copy_path(folder, n));
    tell(processor_time());
    exit(0);
}

static double exit_of(const struct copies *copies)
{
    struct told told = ask("exit", copies->folder, copies->count);
    return told.used - told.number[0];
}

void bench_exit(void)
{
    struct series ours = {.count = 0}, other = {.count = 0};
    struct copies plain, embeds;
    copies_make(&plain, "bench-plain.so", IMAGES);
    copies_make(&embeds, "bench-embeds.so", IMAGES);
    for (int round = 0; round < ROUNDS; round++) {
        series_add(&other, exit_of(&plain));
        series_add(&ours, exit_of(&embeds));
    }
    copies_remove(&plain);
    copies_remove(&embeds);
    table_ratio((struct row){"P13", "exit with 1000 images, with libfini : without", 1.4, "us"},
                &ours, &other);
}
