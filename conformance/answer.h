/* SPDX-License-Identifier: MIT
 *
 * answer.h - how an experiment answers, and what most experiments begin with.
 *
 * The answer to a question is what the process says that asks it, word by word, from the first
 * line of main to the last finalizer. Who has said nothing means no. How the process ends is
 * added where it ends badly: crash, abort, hang, status N.
 */
#ifndef CONFORMANCE_ANSWER_H
#define CONFORMANCE_ANSWER_H

#include "system.h"

void say(const char *word);
void say_if(bool condition, const char *yes, const char *no);
NORETURN void not_here(void);
NORETURN void cannot(const char *what);  /* the experiment failed; it answers nothing */

/* For the hooks of a face. */
void say_name(struct face *face);
void say_yes(struct face *face);
void count_end(struct face *face);

/* A library that is loaded, and an address in it that may be asked for when it has gone. */
struct loaded {
    void *handle;
    struct face *face;
    const void *code;
};

struct loaded load(const char *name);       /* must succeed */
struct loaded load_as(const char *name, enum sys_how how);
struct face *start_face(void);              /* of the library that was there at start */
void on_load(void (*call)(struct face *));  /* to be called by each constructor from now on */

/* Says what has become of it: "finalized" where count_end was called, and "stays" or "goes". */
void say_fate(const void *code);

struct sys_thread *start(void (*body)(void *), void *arg); /* must succeed */

/* In a new thread, until it is through; false if FOREVER has passed, or it cannot be started. */
bool within_moment(void (*deed)(void));

#endif
