/* SPDX-License-Identifier: MIT
 *
 * text.c - see text.h.
 */
#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool coloured, progress_shown;

bool text_may_be_coloured(FILE *file)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fileno(file)) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

bool text_choose_colour(const char *when)
{
    if (strcmp(when, "auto") == 0)
        coloured = text_may_be_coloured(stdout);
    else if (strcmp(when, "always") == 0)
        coloured = true;
    else if (strcmp(when, "never") == 0)
        coloured = false;
    else
        return false;
    return true;
}

/* How many bytes the character has that begins here; 0: it is none. Overlong forms, halves of pairs
 * and C1 controls (0x80 to 0x9f, which some terminals obey) are none. */
static size_t character(const unsigned char *c)
{
    size_t length = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0x80)
        return c[0] >= 0x20 && c[0] != 0x7f;
    if (c[0] < 0xc2 || c[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xe0 && c[1] < 0xa0) ||
               (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
               (c[0] == 0xf4 && c[1] > 0x8f);
    return bad ? 0 : length;
}

void text_clean(char *text)
{
    while (*text) {
        size_t length = character((const unsigned char *)text);
        if (length == 0)
            *text = '?';
        text += length ? length : 1;
    }
}

static void print_clean(FILE *file, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return;
    text_clean(copy);
    fputs(copy, file);
    free(copy);
}

void text_print(enum colour colour, const char *text)
{
    static const char *const codes[] = {"", "\033[31m", "\033[33m", "\033[32m", "\033[1m",
                                        "\033[2m"};
    bool shown = coloured && colour != COLOUR_NONE;
    if (shown)
        fputs(codes[colour], stdout);
    print_clean(stdout, text);
    if (shown)
        fputs("\033[0m", stdout);
}

void text_error(const char *subject, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    text_progress_end();
    fflush(stdout);
    fputs("fini: ", stderr);
    if (subject) {
        print_clean(stderr, subject);
        fputs(": ", stderr);
    }
    print_clean(stderr, line);
    fputc('\n', stderr);
}

void text_progress(size_t done, size_t all, const char *name)
{
    const char *end = strrchr(name, '/');
    char shown[50];
    if (!isatty(STDERR_FILENO))
        return;
    snprintf(shown, sizeof shown, "%s", end ? end + 1 : name);
    fprintf(stderr, "\r\033[K%zu of %zu: ", done, all);
    print_clean(stderr, shown);
    fflush(stderr);
    progress_shown = true;
}

void text_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}
