/* SPDX-License-Identifier: MIT
 *
 * report.h - how results are shown.
 *
 * Decides: text for people, or JSON of the schema in docs/fini-json.md. Leaves to check.c which
 * files there are.
 */
#ifndef COMMAND_REPORT_H
#define COMMAND_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "image.h"
#include "probe.h"

struct result {
    const char *path;
    const struct image *image;
    enum probe_outcome probe;   /* PROBE_UNKNOWN: it has not been probed */
};

/* Where it has been tried, that counts more than what was read. */
enum verdict result_verdict(const struct result *result);

struct totals {
    size_t files, failed, verdict[3]; /* failed: cannot be read */
    size_t found[FINDING_COUNT]; /* in how many files */
};

/* Each begins, shows files, and ends. What cannot be read is a file, too. */
struct report {
    void (*begin)(void);
    void (*file)(const struct result *result);
    void (*end)(const struct totals *totals);
};

/* NULL: there is no such format. quiet: says nothing, but for errors. */
const struct report *report_find(const char *format, bool quiet);

#endif
