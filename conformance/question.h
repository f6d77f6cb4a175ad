/* SPDX-License-Identifier: MIT
 *
 * question.h - the questions: a table a theme, each in a file of its own.
 *
 * Decides: what a question is.
 * Leaves to others: asking (asking.c), answering (answer.h), printing (main.c).
 */
#ifndef CONFORMANCE_QUESTION_H
#define CONFORMANCE_QUESTION_H

/* On what an answer depends, beside the loader and the libc. */
#define KERNEL "kernel"
#define CHANCE "chance"
#define PATCHES "patches" /* differs between builds of one version */

struct question {
    const char *id;         /* stays for good: THEME.WHAT */
    const char *text;
    void (*ask)(const char *about); /* NULL: the system has nothing of the kind */
    const char *about;      /* for ask, where several questions share one */
    const char *startup;    /* what the start-up library does; see library.h */
    const char *depends;    /* NULL, KERNEL, CHANCE or PATCHES */
    int dies;               /* the process is meant to end badly */
};

struct theme {
    const char *title;
    const struct question *questions; /* the last has no id */
};

extern const struct theme theme_exit, theme_order, theme_mark, theme_meet, theme_unload,
    theme_stays, theme_threads, theme_locks, theme_reload, theme_facilities, theme_windows;

#endif
