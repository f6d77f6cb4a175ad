/* SPDX-License-Identifier: MIT
 *
 * judged.c - the judge of this folder catches what it is there for.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "../matrix/matrix.h"

struct trial {
    const char *said;
    int status;
    struct matrix_truth truth;
};

/* In place of a host. */
static void say_it(void *trial)
{
    const struct trial *t = trial;
    say("%s", t->said);
    _exit(t->status);
}

static void judge(void *trial)
{
    const struct trial *t = trial;
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    matrix_judge(say_it, t, t->truth);
}

static bool passes(struct trial trial)
{
    int status = in_child(judge, &trial, 8);
    require(WIFEXITED(status) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
    return WIFEXITED(status);
}

static const char to_unload[] = "added hook: unload", to_exit[] = "added hook: exit";

CASE(what_is_right_passes)
{
    require(passes((struct trial){to_unload, 0, {.unmapped = true, .ends = 1}}));
    require(passes((struct trial){to_exit, 0, {.ends = 1}}));
    require(passes((struct trial){"", 0, {.ends = 0}}));
}

CASE(in_doubt_exit_passes)
{
    require(passes((struct trial){to_exit, 0, {.unmapped = true, .ends = 1}}));
}

CASE(unload_at_an_exit_is_caught)
{
    require(!passes((struct trial){to_unload, 0, {.ends = 1}}));
}

CASE(a_wrong_end_is_caught)
{
    require(!passes((struct trial){to_exit, 1, {.ends = 1}}));
    require(!passes((struct trial){to_exit, 0, {.signal = SIGABRT, .ends = 1}}));
}

CASE(hooks_left_out_or_run_twice_are_caught)
{
    require(!passes((struct trial){"", 0, {.ends = 1}}));
    require(!passes((struct trial){to_exit, 0, {.ends = 0}}));
    require(!passes((struct trial){"added hook: exit, added hook: exit", 0, {.ends = 1}}));
}

CASE(less_than_it_can_tell_is_caught)
{
    require(!passes((struct trial){to_exit, 0, {.unmapped = true, .ends = 1, .plainly = true}}));
}
