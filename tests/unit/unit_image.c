/* SPDX-License-Identifier: MIT
 *
 * Whole lives of an image on the fake platform: which hooks run for which reason, what the
 * platform is asked to do and in which order, exit() from hooks, fork.
 *
 * Leaves to others: adding and removing (unit_hooks.c), the two handlers (handlers.c).
 */
#include <string.h>

#include "probe.h"

static struct probe probes[6];

/* One probe for each moment, and one not for children. */
static void start_with_all_moments(void)
{
    static const char *const names[] = {"unload", "exit", "always", "begin", "no-child", "both"};
    static const unsigned whens[] = {
        FINI_ON_UNLOAD, FINI_ON_EXIT, FINI_ALWAYS, FINI_ON_EXIT_BEGIN,
        FINI_ALWAYS | FINI_NOT_IN_CHILD, FINI_ON_UNLOAD | FINI_ON_EXIT_BEGIN};
    probe_start();
    memset(probes, 0, sizeof probes);
    for (int n = 0; n < 6; n++) {
        probe_set(&probes[n], names[n], whens[n], NULL);
        add(&probes[n]);
    }
}

static void exit_from_hook(struct probe *self)
{
    self->act = NULL;
    fake_exit();
}

static void require_log(const char *expected)
{
    if (strcmp(fake.log, expected) != 0)
        say("log: %s", fake.log);
}

/* ---- moments --------------------------------------------------------------------------------- */

CASE(moments_at_unload, .expect =
    "both unload\nno-child unload\nalways unload\nunload unload\n")
{
    start_with_all_moments();
    fake_finalize(FINI_UNLOAD);
    require(!fake.mapped && !fake.exiting);
}

CASE(moments_at_exit, .expect = "both exit\nno-child exit\nbegin exit\nalways exit\nexit exit\n")
{
    start_with_all_moments();
    fake_finalize(FINI_EXIT);
    require(fake.mapped && fake.exiting);
    require(fini__hooks_any());
}

CASE(moments_at_unload_at_exit, .expect =
    "both unload at exit\nno-child unload at exit\nbegin unload at exit\nalways unload at exit\n"
    "exit unload at exit\nunload unload at exit\n")
{
    start_with_all_moments();
    fake_finalize(FINI_UNLOAD_AT_EXIT);
    require(!fake.mapped && fake.exiting);
}

CASE(moments_in_a_child, .expect = "both unload\nalways unload\nunload unload\n")
{
    start_with_all_moments();
    fake_fork();
    fake_finalize(FINI_UNLOAD);
}

CASE(moments_at_a_clean_exit, .expect =
    "both exit\nno-child exit\nbegin exit\nalways exit\nexit exit\nunload exit\n")
{
    start_with_all_moments();
    fake.clean_exit = true;
    fake_finalize(FINI_EXIT);
    require(!fini__hooks_any());
}

CASE(a_clean_exit_is_no_unload, .expect =
    "both unload\nno-child unload\nalways unload\nunload unload\n")
{
    start_with_all_moments();
    fake.clean_exit = true;
    fake_finalize(FINI_UNLOAD);
}

CASE(settings_are_read_when_the_image_is_loaded, .expect = "B exit\n")
{
    probe_start();
    fake.clean_exit = fake.trace = true;
    fini__image_loaded();
    fake.clean_exit = fake.trace = false;
    B.hook.when = FINI_ON_UNLOAD;
    add(&B);
    fake_finalize(FINI_EXIT);
    require(strcmp(fake.printed, "fini: libthing.so: exit, thread 4711, hooks run 1\n") == 0);
}

CASE(hooks_passed_over_at_unload_can_be_added_again, .expect = "A exit\n")
{
    probe_start();
    A.hook.when = FINI_ON_EXIT;
    add(&A);
    fake_finalize(FINI_UNLOAD);
    inside_reset();
    add(&A);
    fake_finalize(FINI_EXIT);
}

/* ---- what the platform is asked for ---------------------------------------------------------- */

CASE(calls_without_hooks)
{
    probe_start();
    fake_finalize(FINI_UNLOAD);
    require_log("setting setting see unload ");
    probe_start();
    fake_finalize(FINI_UNLOAD_AT_EXIT);
    require_log("setting setting see set_exiting unload ");
    probe_start();
    fake_finalize(FINI_EXIT);
    require_log("setting setting see set_exiting stay_mapped own_handlers ");
}

static void note_hook(struct probe *self)
{
    strcat(fake.log, self->name);
    strcat(fake.log, " ");
}

CASE(calls_around_hooks, .expect = "A unload\nA exit\n")
{
    probe_start();
    A.act = note_hook;
    add(&A);
    fini__image_loaded();
    fake_finalize(FINI_UNLOAD);
    require_log("setting setting see unload resume_on A resume_off ");
    probe_start();
    A.act = note_hook;
    fake.trace = true;
    add(&A);
    fake_finalize(FINI_EXIT);
    require_log("setting setting see set_exiting stay_mapped own_handlers "
                "resume_on A resume_off print ");
}

static void own_handler_adds(void)
{
    say("own handler");
    add(&A);
}

CASE(own_exit_handlers_may_still_add, .expect = "own handler\nA exit\nB exit\n")
{
    probe_start();
    add(&B);
    fake.on_own_handlers = own_handler_adds;
    fake_finalize(FINI_EXIT);
}

static void thread_2_runs_begin_hooks(void)
{
    say("still in exit");
    fake.thread = 2;
    fini__image_exit_begins();
    fake.thread = 1;
}

static void thread_2_adds(void)
{
    fake.thread = 2;
    add(&A);
    fake.thread = 1;
}

CASE(an_unload_is_sealed_before_libc_forgets_the_image, .expect =
    "add A: too late: finalization has begun\n")
{
    probe_start();
    fake.on_unload = thread_2_adds;
    fake_finalize(FINI_UNLOAD);
}

static void add_c(struct probe *self)
{
    (void)self;
    add(&C);
}

/* A hook of another thread, not of this finalization, adds too late. */
CASE(an_unload_waits_for_begin_hooks_of_another_thread, .expect =
    "still in exit\nA exit\nadd C: too late: finalization has begun\nB unload\n")
{
    probe_start();
    A.hook.when = FINI_ON_EXIT_BEGIN;
    A.act = add_c;
    add(&A);
    add(&B);
    fake.on_unload = thread_2_runs_begin_hooks;
    fake_finalize(FINI_UNLOAD);
}

CASE(a_platform_that_does_nothing, .expect =
    "both exit\nno-child exit\nbegin exit\nalways exit\nexit exit\n")
{
    start_with_all_moments();
    fake.dead = FAKE_ALL;
    fake.clean_exit = fake.trace = true;
    fake_finalize(FINI_UNLOAD);
    require(fake.printed[0] == '\0' && !fake.exiting && !fake.mapped);
}

/* What the same thread runs of the image after its finalizer, it runs for the same reason. */
CASE(why_after_the_finalizer)
{
    static const fini_reason reasons[] = {FINI_UNLOAD, FINI_UNLOAD_AT_EXIT};
    for (int n = 0; n < 2; n++) {
        probe_start();
        fake_finalize(reasons[n]);
        require_eq(fini_why(), reasons[n]);
        fake.thread = 2;
        require_eq(fini_why(), FINI_RUNNING);
    }
    probe_start();
    fake_finalize(FINI_EXIT);
    require_eq(fini_why(), FINI_RUNNING);
}

static void look_at_why_in_own_handler(void)
{
    say("own handler: %s", fini_why() == FINI_UNLOAD ? "unload" : "not unload");
}

static void unload_and_exit_from_hook(void)
{
    fake_finalize(FINI_UNLOAD);
}

CASE(why_after_exit_from_a_hook, .expect = "A unload\nown handler: not unload\n")
{
    probe_start();
    A.act = exit_from_hook;
    fake.on_own_handlers = look_at_why_in_own_handler;
    add(&A);
    require(fake_process(unload_and_exit_from_hook));
}

/* ---- exit begins ----------------------------------------------------------------------------- */

static void exit_now(void)
{
    fake_exit();
}

CASE(begin_hooks_run_early, .expect =
    "both exit\nbegin exit\nno-child exit\nalways exit\nexit exit\n")
{
    start_with_all_moments();
    require(fake.early_armed);
    require(fake_process(exit_now));
}

CASE(begin_hooks_run_late_where_there_is_no_early, .expect = "C exit\nB exit\nA exit\n")
{
    probe_start();
    fake.dead = FAKE_EARLY_EXIT;
    B.hook.when = FINI_ON_EXIT_BEGIN;
    add_all();
    require(!fake.early_armed);
    require(fake_process(exit_now));
}

static void add_two(struct probe *self)
{
    add(self->other);
    add(&C);
}

/* Before the finalization anybody may add anything; each runs at its own moment. */
CASE(begin_hooks_add, .expect = "A exit\nB exit\nC exit\n")
{
    probe_start();
    A.hook.when = B.hook.when = FINI_ON_EXIT_BEGIN;
    C.hook.when = FINI_ON_EXIT;
    A.act = add_two;
    A.other = &B;
    add(&A);
    require(fake_process(exit_now));
}

static void be_gone(struct probe *self)
{
    memset(&self->hook, 0xff, sizeof self->hook);
}

static void finalize_in_thread_2(struct probe *self)
{
    (void)self;
    fake.thread = 2;
    fake_finalize(FINI_EXIT);
    fake.thread = 1;
}

/* The early run was about to go on with B, whose memory is now another's. */
CASE(begin_hooks_and_the_finalizer_in_another_thread, .expect = "C exit\nB exit\n")
{
    probe_start();
    B.hook.when = FINI_ON_EXIT_BEGIN | FINI_ON_EXIT;
    B.act = be_gone;
    C.hook.when = FINI_ON_EXIT_BEGIN;
    C.act = finalize_in_thread_2;
    add(&B);
    add(&C);
    fini__image_exit_begins();
}

CASE(exiting_is_known_in_begin_hooks, .expect = "A exit\n")
{
    probe_start();
    A.hook.when = FINI_ON_EXIT_BEGIN;
    add(&A);
    fini__image_exit_begins();
    require(fini_exiting());
}

/* ---- exit() from hooks ----------------------------------------------------------------------- */

static void unload_now(void)
{
    fake_finalize(FINI_UNLOAD);
    say("not reached");
}

static void finalize_at_exit(void)
{
    fake_finalize(FINI_EXIT);
    say("not reached");
}

CASE(exit_from_a_hook_at_unload, .expect = "C unload\nB exit\nA exit\n")
{
    probe_start();
    C.act = exit_from_hook;
    add_all();
    require(fake_process(unload_now));
    require(fake.mapped && fake.exiting);
}

CASE(exit_from_each_hook_at_exit, .expect = "C exit\nB exit\nA exit\n")
{
    probe_start();
    A.act = B.act = C.act = exit_from_hook;
    add_all();
    require(fake_process(finalize_at_exit));
}

CASE(exit_from_a_hook_changes_the_moments, .expect = "C unload\nA exit\n")
{
    probe_start();
    C.act = exit_from_hook;
    A.hook.when = FINI_ON_EXIT;
    B.hook.when = FINI_ON_UNLOAD;
    add_all();
    require(fake_process(unload_now));
}

CASE(exit_from_a_begin_hook, .expect = "C exit\nB exit\nA exit\n")
{
    probe_start();
    C.hook.when = FINI_ON_EXIT_BEGIN;
    C.act = exit_from_hook;
    add_all();
    require(fake_process(exit_now));
}

static void add_late(struct probe *self)
{
    self->act = NULL;
    add(self->other);
}

CASE(hooks_added_after_exit_from_a_hook, .expect = "B unload\nA exit\nC exit\n")
{
    probe_start();
    B.act = exit_from_hook;
    A.act = add_late;
    A.other = &C;
    add(&A);
    add(&B);
    require(fake_process(unload_now));
}

CASE(without_resume_the_rest_is_left, .expect = "C unload\n")
{
    probe_start();
    fake.dead = FAKE_RESUME;
    C.act = exit_from_hook;
    add_all();
    require(fake_process(unload_now));
}

static void exit_in_thread_2(struct probe *self)
{
    (void)self;
    fake.thread = 2;
    fini__image_resume();
    fake.thread = 1;
    say("resume did nothing");
}

/* The handler is the finalizing thread's; another that calls exit() has its own way. */
CASE(resume_is_for_the_finalizing_thread, .expect = "B unload\nresume did nothing\nA unload\n")
{
    probe_start();
    B.act = exit_in_thread_2;
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
    fini__image_resume();
    require(!fake.mapped);
}

CASE(the_trace_counts_all_hooks_run_before_and_after_exit, .expect =
    "C unload\nB exit\nA exit\n")
{
    probe_start();
    fake.trace = true;
    C.act = exit_from_hook;
    add_all();
    require(fake_process(unload_now));
    require(strcmp(fake.printed, "fini: libthing.so: exit, thread 4711, hooks run 3\n") == 0);
}

/* ---- fork ------------------------------------------------------------------------------------ */

CASE(a_child_does_not_inherit_the_lock_of_another_thread)
{
    probe_start();
    fake.thread = 2;
    require(fini__lock_take(inside_lock()));
    fake.thread = 1;
    fake_fork();
    add(&A);
    require_eq(fake.pauses, 0);
}

CASE(a_child_keeps_the_lock_of_its_own_thread)
{
    probe_start();
    require(fini__lock_take(inside_lock()));
    fake_fork();
    require_eq(fini_add(&A.hook), FINI_EDEADLK);
}

CASE(a_killed_thread_does_not_keep_the_lock, .expect = "B exit\nA exit\n")
{
    probe_start();
    add(&A);
    B.hook.when = FINI_ALWAYS | FINI_NOT_IN_CHILD;
    add(&B);
    fake.thread = 2;
    require(fini__lock_take(inside_lock()));
    fake.thread = fake.forker = 1;
    fake_kill_others();
    require(!fini_forked());
    fake_finalize(FINI_EXIT);
    require_eq(fake.pauses, 0);
}

static void fork_in_thread_2(struct probe *self)
{
    (void)self;
    fake.thread = 2;
    fake_fork();
    require_eq(inside_runs_of_others(), 0);
    require_eq(fini_remove(&A.hook), FINI_ENOENT);
    require_eq(fini_remove(&B.hook), FINI_OK);
    require_eq(fake.pauses, 0);
}

CASE(a_child_does_not_wait_for_runs_of_other_threads, .expect = "A unload\n")
{
    probe_start();
    A.act = fork_in_thread_2;
    add(&B);
    add(&A);
    fake_finalize(FINI_UNLOAD);
}

static void fork_here(struct probe *self)
{
    (void)self;
    fake_fork();
    require_eq(fini_remove(&self->hook), FINI_OK);
}

CASE(the_child_goes_on_with_the_pass_of_its_own_thread, .expect = "B unload\nA unload\n")
{
    probe_start();
    B.act = fork_here;
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
}

CASE(in_a_child_forked_by_a_hook_some_are_skipped, .expect = "C unload\nA unload\n")
{
    probe_start();
    C.act = fork_here;
    B.hook.when = FINI_ALWAYS | FINI_NOT_IN_CHILD;
    add_all();
    fake_finalize(FINI_UNLOAD);
}
