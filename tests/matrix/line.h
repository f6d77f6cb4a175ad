/* SPDX-License-Identifier: MIT
 *
 * line.h - how hosts, plugins and libraries of the matrix write to the transcript.
 *
 * Decides: one write(2) a line, because finalizers also run when stdio is gone, and in threads.
 * Leaves to others: what is said. Not the harness's say(): a plugin must bring no constructor but
 * its own and libfini's.
 */
#ifndef MATRIX_LINE_H
#define MATRIX_LINE_H

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2))) static inline void line(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text - 1, format, args);
    va_end(args);
    text[length++] = '\n';
    if (write(STDOUT_FILENO, text, (size_t)length) != length)
        _exit(99);
}

#endif
