/* SPDX-License-Identifier: MIT
 *
 * P9 and P10: loading and unloading.
 *
 * Decides: P9 compares an image with libfini and a hook to the same image with a destructor. P10
 * reloads one as a host does that never wants to be without it: the new copy is opened before the
 * old one is closed. The first and the last tenth are too far apart to be compared on a noisy
 * machine, so both take turns with a plain image in a process of its own: a time is how often that
 * of the plain image goes into it. Memory is what malloc has handed out or the process has for
 * itself, whichever grew more.
 * Leaves to others: the images (image.c).
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { CYCLES = 200, CYCLE_ROUNDS = 41, BLOCKS = 100 };

static double load_and_unload(const char *path, int times)
{
    double start = processor_time();
    for (int n = 0; n < times; n++)
        dlclose(open_image(path));
    return (processor_time() - start) / times;
}

static double cycle(const char *image)
{
    return load_and_unload(beside(image), CYCLES);
}

void compare_cycles(const char *image, struct row row)
{
    struct series ours = {.count = 0}, other = {.count = 0};
    cycle("bench-plain.so");
    cycle(image);
    for (int round = 0; round < CYCLE_ROUNDS; round++) {
        series_add(&other, cycle("bench-plain.so"));
        series_add(&ours, cycle(image));
    }
    table_ratio(row, &ours, &other);
}

void bench_cycle(void)
{
    compare_cycles("bench-embeds.so", (struct row){
        "P9", "dlopen + dlclose, with libfini : without", 1.1, "us"});
    compare_cycles("bench-whole.so", (struct row){
        "", "the same with all of fini.c in the image", NO_GOAL, "us"});
}

void part_first(const char *path, int count)
{
    tell(load_and_unload(path, count));
    _exit(0);
}

static double first(const char *image)
{
    return ask("first", beside(image), 1).number[0];
}

void compare_first(const char *image, struct row row)
{
    struct series ours = {.count = 0}, other = {.count = 0};
    for (int round = 0; round < CYCLE_ROUNDS; round++) {
        series_add(&other, first("bench-plain.so"));
        series_add(&ours, first(image));
    }
    table_ratio(row, &ours, &other);
}

void bench_first(void)
{
    compare_first("bench-embeds.so", (struct row){
        "P9", "dlopen + dlclose, the first in a process", 1.1, "us"});
}

/* ---- P10 ------------------------------------------------------------------------------------- */

struct memory {
    double heap, private;
};

static struct memory memory_now(void)
{
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 heap = mallinfo2();
#else
    struct mallinfo heap = mallinfo();
#endif
    struct memory now = {(double)heap.uordblks + (double)heap.hblkhd, 0};
    char line[128];
    long kib;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Anonymous: %ld", &kib) == 1)
            now.private = 1024.0 * (double)kib;
    if (file)
        fclose(file);
    return now;
}

static double growth(struct memory before, struct memory after)
{
    double heap = after.heap - before.heap, private = after.private - before.private;
    return heap > private ? heap : private;
}

struct reloaded {
    const char *folder; /* of two copies, */
    void *open;         /* one of which is open */
};

static double reload(struct reloaded *r, int times)
{
    double start = processor_time();
    for (int n = 1; n <= times; n++) {
        void *next = open_image(copy_path(r->folder, n % 2));
        dlclose(r->open);
        r->open = next;
    }
    return processor_time() - start;
}

/* A process that reloads a plain image so many times whenever it gets a byte, and says how long
 * that took; the socket to it. */
static int start_plain(const char *folder, int times)
{
    int ends[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        give_up("socketpair");
    if (fork() != 0) {
        close(ends[1]);
        return ends[0];
    }
    close(ends[0]);
    struct reloaded plain = {folder, open_image(copy_path(folder, 0))};
    while (read(ends[1], &byte, 1) == 1) {
        double took = reload(&plain, times);
        if (write(ends[1], &took, sizeof took) != sizeof took)
            break;
    }
    _exit(0);
}

static double reload_plain(int plain)
{
    double took;
    if (write(plain, "", 1) != 1 || read(plain, &took, sizeof took) != sizeof took)
        give_up("the plain image");
    return took;
}

static struct series reload_tenth(struct reloaded *ours, int plain, int times)
{
    struct series took = {.count = 0};
    for (int n = 0; n < BLOCKS; n++) {
        double base = reload_plain(plain);
        series_add(&took, reload(ours, times) / base);
    }
    return took;
}

static void tell_series(const struct series *s)
{
    for (int n = 0; n < s->count; n++)
        tell(s->of[n]);
}

/* `folders`: of the image, and of the plain one. */
void part_reload(const char *folders, int count)
{
    char folder[64] = "";
    int times = count / 10 / BLOCKS;
    int plain = start_plain(strchr(folders, ' ') + 1, times);
    memcpy(folder, folders, strcspn(folders, " "));
    struct reloaded ours = {folder, open_image(copy_path(folder, 0))};
    memory_now();
    struct series first_tenth = reload_tenth(&ours, plain, times);
    reload(&ours, count / 10 * 8);
    struct memory before = memory_now();
    struct series last_tenth = reload_tenth(&ours, plain, times);
    tell(growth(before, memory_now()));
    tell_series(&first_tenth);
    tell_series(&last_tenth);
    _exit(0);
}

void compare_tenths(const char *image, int count, struct row grown, struct row slower)
{
    struct copies ours, plain;
    struct series first_tenth = {.count = 0}, last_tenth = {.count = 0};
    char folders[160];
    copies_make(&ours, image, 2);
    copies_make(&plain, "bench-plain.so", 2);
    snprintf(folders, sizeof folders, "%s %s", ours.folder, plain.folder);
    struct told told = ask("reload", folders, count);
    copies_remove(&ours);
    copies_remove(&plain);
    for (int n = 0; n < BLOCKS; n++) {
        series_add(&first_tenth, told.number[1 + n]);
        series_add(&last_tenth, told.number[1 + BLOCKS + n]);
    }
    table_value(grown, told.number[0]);
    table_ratio(slower, &last_tenth, &first_tenth);
}

void bench_reload(void)
{
    compare_tenths("bench-embeds.so", 100000,
                   (struct row){"P10", "100,000 reloads: growth in the last tenth", 0, "bytes"},
                   (struct row){"P10", "the same: time of the last tenth : the first", 1.05,
                                "of plain"});
    compare_tenths("bench-atexit.so", 20000,
                   (struct row){"", "20,000 reloads with a handler of atexit: growth", NO_GOAL,
                                "bytes"},
                   (struct row){"", "the same: time of the last tenth : the first", NO_GOAL,
                                "of plain"});
}
