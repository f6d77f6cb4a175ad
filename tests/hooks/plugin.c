/* SPDX-License-Identifier: MIT
 *
 * plugin.c - the plugin of most cases: it lends its copy of libfini to the host.
 *
 * Decides: nothing. Which hooks it has, and what they do, is up to each case.
 */
#include "plugin.h"

#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

static void speak(void *arg, fini_reason why)
{
    say("%s: %s", (const char *)arg, fini_reason_name(why));
}

static void count(void *arg, fini_reason why)
{
    struct tally *tally = arg;
    (void)why;
    atomic_fetch_add(&tally->begun, 1);
    if (tally->nap_us > 0)
        usleep((useconds_t)tally->nap_us);
    atomic_fetch_add(&tally->ended, 1);
}

static int at_exit(void (*handler)(void))
{
    return atexit(handler);
}

static void (*last_words)(void);

static void at_end(void (*function)(void))
{
    last_words = function;
}

__attribute__((destructor)) static void end(void)
{
    if (last_words)
        last_words();
}

extern const struct plugin plugin;
const struct plugin plugin = {fini_add,    fini_remove, fini_why, fini_exiting,
                              fini_forked, speak,       count,    at_exit,  at_end};
