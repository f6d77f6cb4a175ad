/* SPDX-License-Identifier: MIT
 *
 * bench [--markdown] [ROW...]: what libfini costs, beside the same thing without it.
 *
 * Decides: which rows there are. The exit status is 0 whatever the figures: a speed is no test.
 * Leaves to others: the rows (one file a subject), the goals' meaning (docs/figures.md).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const struct {
    const char *id;
    void (*bench)(void);
} rows[] = {
    {"P1", bench_calls}, {"P4", bench_close_and_open}, {"P5", bench_wake},
    {"P6", bench_add}, {"P7", bench_run}, {"P8", bench_others}, {"P9", bench_cycle},
    {"P9", bench_first}, {"P10", bench_reload}, {"P11", bench_values}, {"P13", bench_exit},
    {"P14", bench_size}, {"C", bench_choice},
};

static const struct {
    const char *name;
    part *run;
} parts[] = {
    {"add", part_add}, {"run", part_run}, {"others", part_others}, {"first", part_first},
    {"reload", part_reload}, {"exit", part_exit},
};

/* bench @PART PATH COUNT: a fresh process, see ask. */
static int run_part(char **args)
{
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
        if (strcmp(parts[n].name, args[0] + 1) == 0)
            parts[n].run(args[1], atoi(args[2]));
    return 0;
}

static bool asked_for(const char *id, char **ids)
{
    bool found = !*ids;
    for (; *ids; ids++)
        found |= strcmp(*ids, id) == 0;
    return found;
}

int main(int argc, char **argv)
{
    if (argc == 4 && argv[1][0] == '@')
        return run_part(argv + 1);
    bool markdown = argc > 1 && strcmp(argv[1], "--markdown") == 0;
    char **ids = argv + 1 + markdown;
    table_begin(markdown);
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++)
        if (asked_for(rows[n].id, ids))
            rows[n].bench();
    return 0;
}
