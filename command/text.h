/* SPDX-License-Identifier: MIT
 *
 * text.h - text for people: colours where they can be seen, and nothing from a file that a terminal
 * would obey.
 */
#ifndef COMMAND_TEXT_H
#define COMMAND_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* auto: on a terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb. */
bool text_choose_colour(const char *when); /* false: neither auto, always nor never */
bool text_may_be_coloured(FILE *file);     /* what auto says of it */

enum colour { COLOUR_NONE, COLOUR_BAD, COLOUR_DOUBTFUL, COLOUR_GOOD, COLOUR_STRONG, COLOUR_FAINT };

/* Colours are for standard output; what is printed by text_print is cleaned. */
void text_print(enum colour colour, const char *text);

/* Replaces control characters, and what is not UTF-8, by `?`. */
void text_clean(char *text);

/* One line on standard error: `fini: SUBJECT: why`. SUBJECT may be NULL. */
void text_error(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line on standard error that the next one replaces; only where that is a terminal. */
void text_progress(size_t done, size_t all, const char *name);
void text_progress_end(void);

#endif
