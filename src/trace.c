/* SPDX-License-Identifier: MIT
 *
 * The line that FINI_TRACE=1 prints for each finalization.
 *
 * Decides: its form. One write, so that lines of several threads do not mix; no stdio, because a
 * finalizer may run after stdio is gone, and no allocation.
 * Leaves to others: whether to print at all (image.c), where to (platform.h).
 */
#include "core.h"

struct line {
    char text[512];
    size_t length;
};

static void put(struct line *line, const char *text)
{
    while (*text && line->length < sizeof line->text - 1)
        line->text[line->length++] = *text++;
}

static void put_number(struct line *line, unsigned long number)
{
    char digits[24];
    char *digit = digits + sizeof digits;
    *--digit = '\0';
    do
        *--digit = (char)('0' + number % 10);
    while (number /= 10);
    put(line, digit);
}

/* The end of a long name tells more than its beginning. */
static const char *tail(const char *name, size_t most)
{
    size_t length = 0;
    while (name[length])
        length++;
    return length > most ? name + (length - most) : name;
}

void fini__trace_finalization(fini_reason why, unsigned hooks_run)
{
    struct line line = {.length = 0};
    put(&line, "fini: ");
    put(&line, tail(fini__platform_image_name(), 400));
    put(&line, ": ");
    put(&line, fini_reason_name(why));
    put(&line, ", thread ");
    put_number(&line, fini__platform_thread_number());
    put(&line, ", hooks run ");
    put_number(&line, hooks_run);
    put(&line, "\n");
    fini__platform_print(line.text, line.length);
}
