/* SPDX-License-Identifier: MIT
 *
 * A journal in memory that is written out at the end.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>

#if defined(__GNUC__)
#define JOURNAL_API __attribute__((visibility("default")))
#else
#define JOURNAL_API
#endif

/* False: the journal is closed or full, and the line is not kept. Any thread. */
JOURNAL_API bool journal_add(const char *line);

/* Calls you for each line, which you must not keep. False: it is closed. Any thread. */
JOURNAL_API bool journal_each(void (*see)(const char *line, void *arg), void *arg);

#endif
