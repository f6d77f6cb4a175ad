/* SPDX-License-Identifier: MIT
 *
 * exit() from a signal handler that interrupted the host's own allocator, which holds a lock.
 *
 * Decides: that libfini then does not allocate. A plugin without libfini ends well: it does not
 * allocate at all. The allocator is part of the program, or a library (two programs).
 * Leaves to others: libc's allocator (tests/hooks/hard.c).
 */
#include <signal.h>
#include <stdlib.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"
#include "open.h"

extern void *memalign(size_t alignment, size_t size);

/* Of interrupted_allocator.c: the next call of the allocator is interrupted. */
extern void allocator_interrupted(void);

/* ---- lives ----------------------------------------------------------------------------------- */

/* By pointer, or the compiler would put the functions into their callers. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void (*volatile do_free)(void *) = free;
static void *(*volatile do_memalign)(size_t, size_t) = memalign;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *block;

static void call_malloc(void)
{
    block = do_malloc(100);
}

static void call_realloc(void)
{
    block = do_realloc(NULL, 100);
}

static void call_free(void)
{
    do_free(block);
}

static void call_memalign(void)
{
    block = do_memalign(64, 100);
}

static void call_calloc(void)
{
    block = do_calloc(1, 100);
}

static void exit_in_handler(int number)
{
    (void)number;
    exit(0);
}

static void (*call)(void);

static void live(void)
{
    life_load();
    signal(SIGUSR1, exit_in_handler);
    allocator_interrupted();
    call();
    abort();
}

static void interrupt(void (*in)(void))
{
    call = in;
    life_plugin = "hostile-naive.so";
    const char *wrong = life_wrong(life_run(live, NULL), FINI_RUNNING);
    say("naive: %s", wrong ? wrong : "right");
    life_plugin = "hostile-fini.so";
    wrong = life_wrong(life_run(live, NULL), FINI_EXIT);
    say("libfini: %s", wrong ? wrong : "right");
}

#define BOTH_RIGHT "naive: right\nlibfini: right\n"

CASE(in_malloc, .expect = BOTH_RIGHT, .timeout = 30)
{
    interrupt(call_malloc);
}

CASE(in_realloc, .expect = BOTH_RIGHT, .timeout = 30)
{
    interrupt(call_realloc);
}

CASE(in_free, .expect = BOTH_RIGHT, .timeout = 30)
{
    interrupt(call_free);
}

CASE(in_memalign, .expect = BOTH_RIGHT, .timeout = 30)
{
    interrupt(call_memalign);
}

OPEN_CASE(in_what_calloc_has_jumped_to, .expect = BOTH_RIGHT, .timeout = 30)
{
    interrupt(call_calloc);
}
