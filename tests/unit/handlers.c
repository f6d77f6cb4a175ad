/* SPDX-License-Identifier: MIT
 *
 * The two predefined handlers: when they are called, in which order, and that exit() from them
 * does not call them twice.
 */
#include <string.h>

#include "probe.h"

static void (*in_unload_handler)(void), (*in_exit_handler)(void);

static void handler(const char *name, void (*act)(void))
{
    say("%s handler: %s", name, fini_reason_name(fini_why()));
    if (act)
        act();
}

void fini_unload_handler(void)
{
    handler("unload", in_unload_handler);
}

void fini_exit_handler(void)
{
    handler("exit", in_exit_handler);
}

static void start(fini_reason why)
{
    probe_start();
    add(&A);
    fake_finalize(why);
}

CASE(at_unload, .expect = "A unload\nunload handler: unload\n")
{
    start(FINI_UNLOAD);
}

CASE(at_exit, .expect = "A exit\nexit handler: exit\n")
{
    start(FINI_EXIT);
}

CASE(at_unload_at_exit, .expect = "A unload at exit\nexit handler: unload at exit\n"
                                  "unload handler: unload at exit\n")
{
    start(FINI_UNLOAD_AT_EXIT);
}

CASE(at_a_clean_exit, .expect = "exit handler: exit\nunload handler: exit\n")
{
    probe_start();
    fake.clean_exit = true;
    fake_finalize(FINI_EXIT);
}

CASE(without_hooks, .expect = "unload handler: unload\n")
{
    probe_start();
    fake_finalize(FINI_UNLOAD);
    require(strstr(fake.log, "resume_on resume_off ") != NULL);
}

CASE(are_not_counted_as_hooks, .expect = "unload handler: unload\n")
{
    probe_start();
    fake.trace = true;
    fake_finalize(FINI_UNLOAD);
    require(strstr(fake.printed, "hooks run 0\n") != NULL);
}

static void add_a(void)
{
    require_eq(fini_add(&A.hook), FINI_OK);
    drop(&A);
}

/* A handler counts as a hook for what it may do. */
CASE(may_add_and_remove, .expect = "unload handler: unload\n")
{
    in_unload_handler = add_a;
    probe_start();
    fake_finalize(FINI_UNLOAD);
    require_eq(fini__hooks_why(), FINI_RUNNING);
}

static void unload(void)
{
    add(&A);
    fake_finalize(FINI_UNLOAD);
    say("not reached");
}

CASE(exit_from_the_unload_handler, .expect =
    "A unload\nunload handler: unload\nexit handler: exit\n")
{
    in_unload_handler = fake_exit;
    probe_start();
    require(fake_process(unload));
}

static void unload_at_exit(void)
{
    fake_finalize(FINI_UNLOAD_AT_EXIT);
    say("not reached");
}

CASE(exit_from_the_exit_handler, .expect = "exit handler: unload at exit\n")
{
    in_exit_handler = fake_exit;
    probe_start();
    require(fake_process(unload_at_exit));
}

CASE(exit_from_both_at_a_clean_exit, .expect =
    "exit handler: unload at exit\nunload handler: exit\n")
{
    in_exit_handler = in_unload_handler = fake_exit;
    probe_start();
    fake.clean_exit = true;
    require(fake_process(unload_at_exit));
}

static void fork_in_handler(void)
{
    fake.thread = 2;
    fake_fork();
    require_eq(inside_runs_of_others(), 0);
    fake.thread = 1;
}

CASE(a_fork_meanwhile, .expect = "unload handler: unload\n")
{
    in_unload_handler = fork_in_handler;
    probe_start();
    fake_finalize(FINI_UNLOAD);
}
