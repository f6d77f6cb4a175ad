/* SPDX-License-Identifier: MIT
 *
 * What the files of the bench share.
 *
 * Decides: how a figure is made of measurements. Both sides of a ratio are measured by turns in
 * one run, so that a slow or noisy machine changes the spread and not the ratio.
 * Leaves to others: what is measured (one file a subject).
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>

/* ---- table.c: numbers and how they are printed ----------------------------------------------- */

enum { ROUNDS = 21, MORE_ROUNDS = 41, SERIES_MOST = 128 };

struct series {
    double of[SERIES_MOST];
    int count;
};

/* Of the processor, in microseconds, for this process: nothing that is measured waits for anything
 * but its turn, and that is not libfini's. */
double processor_time(void);
void series_add(struct series *s, double value);
double median(const struct series *s);

#define NO_GOAL (-1.0)

struct row {
    const char *id, *what;
    double goal; /* NO_GOAL: the row is there for comparison */
    const char *unit;
};

void table_begin(bool markdown);
void table_value(struct row row, double value);
void table_ratio(struct row row, const struct series *ours, const struct series *other);

/* ---- process.c: images and fresh processes --------------------------------------------------- */

void give_up(const char *what);
const char *beside(const char *name); /* the path of a file in the bench's own folder */
bool is_beside(const char *name);
void *open_image(const char *path);
void *symbol_of(void *image, const char *name);

/* Copies of an image under other names, which the loader takes for other images. */
struct copies {
    char folder[64];
    int count;
};

void copies_make(struct copies *c, const char *image, int count);
const char *copy_path(const char *folder, int n);
void copies_remove(const struct copies *c);

/* What a fresh process - the bench, executed again - has told, and what it has used in all. */
struct told {
    double number[2 * SERIES_MOST];
    double used;
};

struct told ask(const char *part, const char *path, int count);
void tell(double number);

/* ---- the subjects, and what the fresh processes do for them ---------------------------------- */

void bench_calls(void);  /* P1 to P3 */
void bench_close_and_open(void); /* P4 */
void bench_wake(void);   /* P5 */
void bench_add(void);    /* P6 */
void bench_run(void);    /* P7 */
void bench_others(void); /* P8 */
void bench_cycle(void);  /* P9 */
void bench_first(void);  /* P9 */
void bench_reload(void); /* P10 */
void bench_values(void); /* P11 */
void bench_exit(void);   /* P13 */
void bench_size(void);   /* P14 */
void bench_choice(void); /* C: what other designs would cost */

/* ---- cycle.c: for other images too ----------------------------------------------------------- */

void compare_cycles(const char *image, struct row row);
void compare_first(const char *image, struct row row);
void compare_tenths(const char *image, int count, struct row grown, struct row slower);

typedef void part(const char *path, int count);
part part_add, part_run, part_others, part_first, part_reload, part_exit;

#endif
