/* SPDX-License-Identifier: MIT
 *
 * A log that is written in the background.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#if defined(__GNUC__)
#define LOG_API __attribute__((visibility("default")))
#else
#define LOG_API
#endif

/* Once. From now on lines are written every so many milliseconds, and when the library is unloaded
 * or the process exits; those that have been added before, too. False: there is no such file, or no
 * thread to be had. */
LOG_API bool log_open(const char *path, unsigned period);

/* Never waits for the file. False: the line is not taken, because there is no room until others
 * have been written, or because this is a forked child, where nobody writes. Any thread. */
LOG_API bool log_line(const char *line);

#endif
