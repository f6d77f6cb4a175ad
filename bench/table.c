/* SPDX-License-Identifier: MIT
 *
 * The numbers of the bench and the table they end up in, as text or as markdown.
 *
 * Decides: that a ratio is one of medians, and that the spread shown beside it is what the middle
 * eight tenths of our own measurements make of the ratio.
 * Leaves to others: what is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

static bool as_markdown;

double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

void series_add(struct series *s, double value)
{
    if (s->count < SERIES_MOST)
        s->of[s->count++] = value;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct series *s, double q)
{
    struct series sorted = *s;
    qsort(sorted.of, (size_t)sorted.count, sizeof *sorted.of, by_size);
    return sorted.of[(int)(q * (sorted.count - 1) + 0.5)];
}

double median(const struct series *s)
{
    return quantile(s, 0.5);
}

void table_begin(bool markdown)
{
    as_markdown = markdown;
    if (markdown)
        printf("| # | what | figure | goal | | spread and medians |\n|---|---|---|---|---|---|\n");
    else
        printf("%-4s %-56s %7s  %-8s\n", "", "median of interleaved rounds", "figure", "goal");
}

static void print_row(struct row row, double value, const char *details)
{
    char goal[32] = "";
    const char *verdict = "";
    if (row.goal >= 0) {
        snprintf(goal, sizeof goal, "<= %.4g", row.goal);
        verdict = value <= row.goal ? "met" : "missed";
    }
    if (as_markdown)
        printf("| %s | %s | %.2f | %s | %s | %s |\n", row.id, row.what, value, goal, verdict,
               details);
    else
        printf("%-4s %-56s %7.2f  %-8s %-6s (%s)\n", row.id, row.what, value, goal, verdict,
               details);
    fflush(stdout);
}

void table_value(struct row row, double value)
{
    print_row(row, value, row.unit);
}

void table_ratio(struct row row, const struct series *ours, const struct series *other)
{
    char details[128];
    double base = median(other);
    snprintf(details, sizeof details, "%.2f to %.2f; %.4g %s beside %.4g %s",
             quantile(ours, 0.1) / base, quantile(ours, 0.9) / base, median(ours), row.unit, base,
             row.unit);
    print_row(row, median(ours) / base, details);
}
