/* SPDX-License-Identifier: MIT
 *
 * The lines that FINI_TRACE=1 prints: for each finalization, and for a worker that does not stop.
 *
 * Decides: their form. One write, so that lines of several threads do not mix; no stdio, because a
 * finalizer may run after stdio is gone, and no allocation.
 * Leaves to others: the setting (image.c), where to print (platform.h).
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

static void begin_line(struct line *line)
{
    line->length = 0;
    put(line, "fini: ");
    put(line, tail(fini__platform_image_name(), 400));
}

static void print_line(struct line *line)
{
    put(line, "\n");
    fini__platform_print(line->text, line->length);
}

void fini__trace_finalization(fini_reason why, unsigned hooks_run)
{
    struct line line;
    begin_line(&line);
    put(&line, ": ");
    put(&line, fini_reason_name(why));
    put(&line, ", thread ");
    put_number(&line, fini__platform_thread_number());
    put(&line, ", hooks run ");
    put_number(&line, hooks_run);
    print_line(&line);
}

void fini__trace_waiting(unsigned long thread)
{
    struct line line;
    if (!fini__image_traced())
        return;
    begin_line(&line);
    put(&line, ": waits for its worker, thread ");
    put_number(&line, thread);
    print_line(&line);
}
