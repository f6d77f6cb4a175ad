/* SPDX-License-Identifier: MIT
 *
 * P8: unloading one image while others have a million hooks.
 *
 * Decides: in each process the image is unloaded many times before the others add theirs and many
 * times after; the others are loaded all the time, because the loader looks at every image.
 * Leaves to others: the hooks and handlers (adder.c).
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "adder.h"
#include "bench.h"

enum { OTHERS = 10, UNLOADS = 41 };

static double unload(void)
{
    struct series took = {.count = 0};
    for (int n = 0; n < UNLOADS; n++) {
        void *image = open_image(beside("bench-embeds.so"));
        double start = processor_time();
        dlclose(image);
        series_add(&took, processor_time() - start);
    }
    return median(&took);
}

/* `side`: the folder of the copies, and what they are to add. */
void part_others(const char *side, int count)
{
    double (*adder[OTHERS])(bool, int);
    char folder[64] = "";
    memcpy(folder, side, strcspn(side, " "));
    for (int n = 0; n < OTHERS; n++)
        *(void **)&adder[n] = symbol_of(open_image(copy_path(folder, n)), "adder_add");
    unload();
    tell(unload());
    for (int n = 0; n < OTHERS; n++)
        adder[n](strstr(side, "hooks") != NULL, count / OTHERS);
    unload();
    tell(unload());
    _exit(0);
}

static void compare(struct row row, const struct copies *copies, const char *what)
{
    struct series with = {.count = 0}, alone = {.count = 0};
    char side[128];
    strcat(strcpy(side, copies->folder), what);
    for (int round = 0; round < ROUNDS; round++) {
        struct told told = ask("others", side, 1000000);
        series_add(&alone, told.number[0]);
        series_add(&with, told.number[1]);
    }
    table_ratio(row, &with, &alone);
}

void bench_others(void)
{
    struct copies copies;
    copies_make(&copies, "bench-adder.so", OTHERS);
    compare((struct row){"P8", "dlclose while others have 1e6 hooks : none", 1.1, "us"}, &copies,
            " hooks");
    compare((struct row){"", "the same with 1e6 handlers of atexit", NO_GOAL, "us"}, &copies,
            " handlers");
    copies_remove(&copies);
}
