/* SPDX-License-Identifier: MIT
 *
 * why_rules.c - who stays because of whom, by what the loader's list says: cases that no process
 * shows at will.
 */
#include <string.h>

#include "harness.h"
#include "why_keep.h"

enum { PROGRAM, LIBC, A, B, C, COUNT };

static struct live_image images[COUNT];
static struct keeping_of *keeping;

/* A program that needs libc, and three libraries that nothing keeps. */
static void begin(void)
{
    static char *libc_needed[] = {"libc.so.6"};
    static char *names[] = {"", "/lib/libc.so.6", "/lib/a.so", "/lib/b.so", "/lib/c.so"};
    memset(images, 0, sizeof images);
    for (int i = 0; i < COUNT; i++)
        images[i] = (struct live_image){.map = (uint64_t)i + 1, .name = names[i],
                                        .knows_opened = true, .knows_pinned = true,
                                        .knows_destructors = true, .knows_bound = true};
    images[PROGRAM].needed = libc_needed;
    images[PROGRAM].needed_count = 1;
}

static void judge(void)
{
    struct live_images all = {.list = images, .count = COUNT};
    keeping = keep_find(&all, false);
    require(keeping != NULL);
}

static void end(void)
{
    keep_free(keeping, COUNT);
}

static void needs(int who, char **what)
{
    images[who].needed = what;
    images[who].needed_count = 1;
}

CASE(nothing_keeps)
{
    begin();
    judge();
    require_eq(keeping[PROGRAM].state, STATE_STAYS);
    require_eq(keeping[LIBC].state, STATE_STAYS);
    require_eq(keeping[A].state, STATE_FREE);
    end();
}

/* Two that need each other, and are closed, go together. */
CASE(circles_are_free)
{
    static char *a[] = {"a.so"}, *b[] = {"b.so"};
    begin();
    needs(A, b);
    needs(B, a);
    judge();
    require_eq(keeping[A].state, STATE_FREE);
    require_eq(keeping[B].state, STATE_FREE);
    end();
}

CASE(what_stays_keeps_along_a_chain)
{
    static char *b[] = {"b.so"}, *c[] = {"c.so"};
    begin();
    images[A].opened = 1;
    needs(A, b);
    needs(B, c);
    judge();
    require_eq(keeping[C].state, STATE_STAYS);
    require_eq(keeping[C].keeps[KEEP_NEEDED].count, 1);
    require_eq(keeping[C].keeps[KEEP_NEEDED].by[0], B);
    end();
}

/* An image that stays, of which it is not known whose symbols it has bound, may keep any other. */
CASE(unknown_bindings_may_keep)
{
    begin();
    images[A].opened = 1;
    images[A].knows_bound = false;
    judge();
    require_eq(keeping[A].state, STATE_STAYS);
    require_eq(keeping[B].state, STATE_UNKNOWN);
    end();
}

/* One that goes itself keeps nothing; nor does one of another namespace. */
CASE(unknown_bindings_of_others_do_not_count)
{
    begin();
    images[A].knows_bound = false;
    images[C].space = 1;
    images[C].opened = 1;
    images[C].knows_bound = false;
    judge();
    require_eq(keeping[A].state, STATE_FREE);
    require_eq(keeping[B].state, STATE_FREE);
    end();
}
