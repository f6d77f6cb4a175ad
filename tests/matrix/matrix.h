/* SPDX-License-Identifier: MIT
 *
 * matrix.h - what matrix.c, races.c and those who give the matrix conditions share.
 */
#ifndef MATRIX_MATRIX_H
#define MATRIX_MATRIX_H

#include <stdbool.h>

/* Which pairs a condition leaves out. What is expected of the others is the same as without it. */
enum {
    CONDITION_LOADER = 1,    /* of the loader: without effect in a static program */
    CONDITION_AUDITED = 2,   /* an audit library looks on */
    CONDITION_NO_RAISE = 4,  /* what raise() needs is refused */
    CONDITION_NO_VFORK = 8,  /* nothing comes of the child of a vfork */
    CONDITION_NO_SCAN = 16,  /* without unwind tables the stack cannot be looked through: open */
    CONDITION_OPEN = 32,     /* all of it is open */
    CONDITION_RETURNS = 64,  /* ld.so stands between caller and callee, until that returns */
    CONDITION_NO_PAGES = 128 /* nothing is mapped any more */
};

/* Something that the host is under. Every pair is run under each. */
struct matrix_condition {
    const char *name;           /* "": none */
    void (*impose)(void);       /* before this process becomes the host; may skip; may be NULL */
    const char *preload;        /* a path from the program's folder; may be NULL */
    unsigned is;
};

/* Ends with a nameless entry. */
extern const struct matrix_condition matrix_conditions[];

/* One more library to preload, last, from the program's folder. */
void matrix_preload(const char *path);

/* What a judge has to know of a pair (MATRIX_JUDGED; tests/systems). */
struct matrix_truth {
    bool unmapped;    /* the plugin's last end is that it goes */
    int signal;       /* that the process ends by; 0: none */
    unsigned ends;    /* how often the plugin is finalized, in the process or a child */
    bool plainly;     /* opened and closed in main, with nothing else */
};
void matrix_judge(void (*become)(void *pair), const void *pair, struct matrix_truth truth);

/* Becomes the variant's host program. Two libraries to preload; each may be NULL. */
void matrix_become(const char *program, const char *in, const char *out, const char *preload,
                   const char *preload_too) __attribute__((noreturn));

#endif
