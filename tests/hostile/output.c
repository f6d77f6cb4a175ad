/* SPDX-License-Identifier: MIT
 *
 * FINI_TRACE=1 where standard error is a pipe: broken, or full.
 *
 * Leaves to others: standard error closed, or a full device (conditions.c); what the line says
 * (tests/hooks/environment.c).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"

static int ends[2];

static void trace_into_pipe(void)
{
    setenv("FINI_TRACE", "1", 1);
    require_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
}

static void judge_lives(void (*prepare)(void))
{
    for (const struct life *life = lives; life->name; life++) {
        const char *wrong = life_wrong(life_run(life->live, prepare), life->why);
        say("%s: %s", life->name, wrong ? wrong : "right");
    }
}

/* ---- nobody will ever read ------------------------------------------------------------------- */

#define ALL_RIGHT "unload: right\nexit: right\nunload_at_exit: right\n"

static void break_pipe(void)
{
    require_eq(pipe(ends), 0);
    close(ends[0]);
    ends[0] = -1;
}

CASE(broken_pipe, .expect = ALL_RIGHT)
{
    break_pipe();
    judge_lives(trace_into_pipe);
}

static void ignore_and_trace(void)
{
    signal(SIGPIPE, SIG_IGN);
    trace_into_pipe();
}

CASE(broken_pipe_and_the_signal_ignored, .expect = ALL_RIGHT)
{
    break_pipe();
    judge_lives(ignore_and_trace);
}

/* Blocked and pending: whoever takes his own SIGPIPE back must not take the host's. */
static void live_with_pending(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    life_load();
    life_unload();
    sigpending(&set);
    _exit(sigismember(&set, SIGPIPE) ? 0 : 1);
}

CASE(broken_pipe_and_the_signal_pending, .expect = "right\n")
{
    break_pipe();
    const char *wrong = life_wrong(life_run(live_with_pending, trace_into_pipe), FINI_UNLOAD);
    say("%s", wrong ? wrong : "right");
}

/* ---- nobody reads for a while ---------------------------------------------------------------- */

static void fill_pipe(void)
{
    char bytes[4096] = {0};
    require_eq(pipe(ends), 0);
    require_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], bytes, sizeof bytes) > 0)
        continue;
    require_eq(fcntl(ends[1], F_SETFL, 0), 0);
}

static void drain(void)
{
    char bytes[4096];
    while (read(ends[0], bytes, sizeof bytes) > 0)
        continue;
}

/* The line waits, as every write to standard error does, and the life goes on with the reader. */
CASE(full_pipe, .expect = "right\n")
{
    fill_pipe();
    pid_t reader = fork();
    if (reader == 0) {
        close(ends[1]);
        nap(50000);
        drain();
        _exit(0);
    }
    const char *wrong = life_wrong(life_run(lives[0].live, trace_into_pipe), FINI_UNLOAD);
    close(ends[1]);
    require_eq(waitpid(reader, NULL, 0), reader);
    say("%s", wrong ? wrong : "right");
}
