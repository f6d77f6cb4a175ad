/* SPDX-License-Identifier: MIT
 *
 * judge.c - the matrix where a platform may say exit in doubt, but nothing wrong.
 *
 * MATRIX_TELLS: what is told at the plainest unload, "unload" or "exit".
 *
 * Decides: the process ends as without libfini; no hook is told unload unless the plugin has gone
 * in the end; each finalization runs a hook once, and what dies without exit() runs none.
 * Leaves to others: the pairs, and what is true of each (tests/matrix/matrix.c).
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "children.h"
#include "harness.h"
#include "../matrix/matrix.h"

static const char added[] = "added hook: ";

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        found++;
    return found;
}

static const char *last(const char *text, const char *what)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        found = at + strlen(what);
    return found;
}

static bool begins(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

static bool ends_well(int wait_status, int signal)
{
    return signal ? WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == signal
                  : WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
}

/* The last one: what a way in has reloaded before has really gone. */
static void judge_reason(const char *text, struct matrix_truth truth)
{
    const char *told = last(text, added);
    if (told && !begins(told, "exit"))
        require(truth.unmapped && begins(told, "unload"));
    if (truth.plainly)
        require(begins(told, MATRIX_TELLS));
}

void matrix_judge(void (*become)(void *pair), const void *pair, struct matrix_truth truth)
{
    static struct outcome outcome;
    in_child_recorded(become, (void *)(unsigned long)pair, &outcome);
    if (begins(outcome.transcript, "SKIP: "))
        skip("%.*s", (int)strcspn(outcome.transcript, "\n") - (int)strlen("SKIP: "),
             outcome.transcript + strlen("SKIP: "));
    if (!ends_well(outcome.wait_status, truth.signal) ||
        count(outcome.transcript, added) != truth.ends)
        say("status %x, said: %s", (unsigned)outcome.wait_status, outcome.transcript);
    require(ends_well(outcome.wait_status, truth.signal));
    require_eq(count(outcome.transcript, added), truth.ends);
    judge_reason(outcome.transcript, truth);
}
