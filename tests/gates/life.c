/* SPDX-License-Identifier: MIT
 *
 * Gates and what becomes of threads: they end inside, are cancelled, jump out, are forked; and a
 * system that refuses what it has allowed.
 *
 * Decides: what fini.h promises of each.
 * Leaves to others: threads that behave (stress.c).
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"

static struct fini_gate gate = FINI_GATE_INIT;
static _Atomic unsigned step;

static void wait_for_step(unsigned value)
{
    while (atomic_load(&step) < value)
        sched_yield();
}

/* Inside from step 1 to step 2. */
static void *stays_until_told(void *arg)
{
    require(fini_gate_enter(&gate));
    atomic_store(&step, 1);
    wait_for_step(2);
    fini_gate_leave(&gate);
    return arg;
}

/* What a child of this process answers, as its exit status. */
static int ask_child(int (*body)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(body());
    int status = wait_for_child(child);
    require(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- what the gates with mistakes get wrong -------------------------------------------------- */

static void *leaves_late(void *arg)
{
    require(fini_gate_enter(&gate));
    atomic_store(&step, 1);
    nap(100000); /* until the closer sleeps */
    fini_gate_leave(&gate);
    return arg;
}

static bool last_leave_wakes(void)
{
    pthread_t thread = start_thread(leaves_late, NULL);
    wait_for_step(1);
    int error = fini_gate_close(&gate, 4000000000);
    pthread_join(thread, NULL);
    fini_gate_open(&gate);
    atomic_store(&step, 0);
    return error == FINI_OK;
}

static int close_at_once(void)
{
    return -fini_gate_close(&gate, 0);
}

static bool child_has_only_the_forker(void)
{
    pthread_t thread = start_thread(stays_until_told, NULL);
    wait_for_step(1);
    int others = ask_child(close_at_once);
    require(fini_gate_enter(&gate));
    int own = ask_child(close_at_once);
    fini_gate_leave(&gate);
    atomic_store(&step, 2);
    pthread_join(thread, NULL);
    atomic_store(&step, 0);
    return others == 0 && own == -FINI_EDEADLK;
}

static void *visits_once(void *arg)
{
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    return arg;
}

/* The library of threads gives it the stack of the one that has ended, and so its place. */
static int close_on_a_newborn(void)
{
    start_thread(stays_until_told, NULL);
    wait_for_step(1);
    return -fini_gate_close(&gate, 0);
}

static bool newborn_is_waited_for(void)
{
    pthread_join(start_thread(visits_once, NULL), NULL);
    return ask_child(close_on_a_newborn) == -FINI_ETIMEDOUT;
}

#ifdef MISTAKE

CASE(life, .expect = EXPECTED, .timeout = CASE_TIMEOUT)
{
    need_fast_path_for_mistake();
    say_verdict(!last_leave_wakes() || !child_has_only_the_forker() || !newborn_is_waited_for());
}

#else

CASE(the_last_to_leave_wakes_the_closer)
{
    require(last_leave_wakes());
}

CASE(only_the_forking_thread_is_inside_in_a_child)
{
    require(child_has_only_the_forker());
}

CASE(a_thread_of_the_child_is_not_one_of_the_parent)
{
    require(newborn_is_waited_for());
}

static int leave_and_close(void)
{
    if (fini_gate_close(&gate, 0) != FINI_EDEADLK || !fini_gate_enter(&gate))
        return 1;
    fini_gate_leave(&gate);
    fini_gate_leave(&gate);
    return fini_gate_close(&gate, 0) == FINI_OK && !fini_gate_enter(&gate) ? 0 : 2;
}

CASE(a_child_leaves_what_its_parent_entered)
{
    require(fini_gate_enter(&gate));
    require_eq(ask_child(leave_and_close), 0);
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

static int fork_again(void)
{
    return ask_child(leave_and_close);
}

CASE(a_child_of_a_child)
{
    require(fini_gate_enter(&gate));
    require_eq(ask_child(fork_again), 0);
    fini_gate_leave(&gate);
}

static void *forks_inside(void *arg)
{
    require(fini_gate_enter(&gate));
    *(int *)arg = ask_child(leave_and_close);
    fini_gate_leave(&gate);
    return NULL;
}

CASE(a_child_of_another_thread)
{
    int answer = -1;
    require(fini_gate_enter(&gate));
    pthread_join(start_thread(forks_inside, &answer), NULL);
    fini_gate_leave(&gate);
    require_eq(answer, 0);
}

static void *waits_for_ever(void *arg)
{
    atomic_store(&step, 2);
    fini_gate_close(&gate, -1);
    return arg;
}

static int enter_leave_close(void)
{
    if (fini_gate_close(&gate, 0) != FINI_OK || fini_gate_open(&gate) != FINI_OK ||
        !fini_gate_enter(&gate))
        return 1;
    fini_gate_leave(&gate);
    return fini_gate_close(&gate, -1) == FINI_OK ? 0 : 2;
}

CASE(forked_while_another_thread_closes, .ends = true, .expect = "the child is well\n")
{
    start_thread(stays_until_told, NULL);
    wait_for_step(1);
    atomic_store(&step, 0);
    start_thread(waits_for_ever, NULL);
    while (fini_gate_enter(&gate))
        fini_gate_leave(&gate); /* until it closes */
    require_eq(ask_child(enter_leave_close), 0);
    say("the child is well");
    _exit(0);
}

/* ---- threads that do not leave --------------------------------------------------------------- */

static void *ends_inside(void *arg)
{
    require(fini_gate_enter(&gate));
    return arg;
}

CASE(a_thread_that_ended_inside_is_waited_for)
{
    pthread_join(start_thread(ends_inside, NULL), NULL);
    require_eq(fini_gate_close(&gate, 10 * MILLISECOND), FINI_ETIMEDOUT);
    require(!fini_gate_enter(&gate));
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
}

static void leave_if_told(void *arg)
{
    if (arg)
        fini_gate_leave(arg);
}

static void *waits_to_be_cancelled(void *arg)
{
    require(fini_gate_enter(&gate));
    pthread_cleanup_push(leave_if_told, arg);
    atomic_store(&step, 1);
    for (;;)
        pause();
    pthread_cleanup_pop(0);
    return NULL;
}

static int close_after_cancelling(struct fini_gate *to_leave)
{
    pthread_t thread = start_thread(waits_to_be_cancelled, to_leave);
    wait_for_step(1);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    return fini_gate_close(&gate, 0);
}

CASE(a_cancelled_thread_leaves_in_its_handler)
{
    require_eq(close_after_cancelling(&gate), FINI_OK);
}

CASE(a_cancelled_thread_without_one_is_waited_for)
{
    require_eq(close_after_cancelling(NULL), FINI_ETIMEDOUT);
}

static void *closes_cancelled(void *arg)
{
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_cancel(pthread_self());
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    *(int *)arg = fini_gate_close(&gate, 20 * MILLISECOND);
    return NULL;
}

/* A cancelled thread goes on until a cancellation point: none of the calls is one. */
CASE(no_call_is_a_cancellation_point)
{
    int error = 1;
    pthread_t inside = start_thread(stays_until_told, NULL);
    wait_for_step(1);
    pthread_join(start_thread(closes_cancelled, &error), NULL);
    require_eq(error, FINI_ETIMEDOUT);
    atomic_store(&step, 2);
    pthread_join(inside, NULL);
}

static jmp_buf outside;

static void jump_out(void)
{
    require(fini_gate_enter(&gate));
    longjmp(outside, 1);
}

static void *closes_from_outside(void *arg)
{
    *(int *)arg = fini_gate_close(&gate, 0);
    return NULL;
}

CASE(who_jumps_out_is_still_inside)
{
    int error = 1;
    if (setjmp(outside) == 0)
        jump_out();
    require_eq(fini_gate_close(&gate, 0), FINI_EDEADLK);
    pthread_join(start_thread(closes_from_outside, &error), NULL);
    require_eq(error, FINI_ETIMEDOUT);
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

/* ---- systems that refuse --------------------------------------------------------------------- */

CASE(membarrier_refused_from_the_start)
{
    refuse_membarrier();
    require(last_leave_wakes());
    require(child_has_only_the_forker());
    require(newborn_is_waited_for());
}

CASE(membarrier_refused_later)
{
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    refuse_membarrier();
    errno = EDOM;
    require_eq(fini_gate_close(&gate, -1), FINI_ESYSTEM);
    require_eq(errno, EDOM);
    require(!fini_gate_enter(&gate));
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate));
}

/* ---- others ---------------------------------------------------------------------------------- */

static void *enters_and_leaves(void *arg)
{
    struct fini_gate *of_heap = arg;
    require(fini_gate_enter(of_heap));
    atomic_store(&step, 1);
    sched_yield();
    fini_gate_leave(of_heap);
    return NULL;
}

/* Also while who was the last to leave has not returned yet: valgrind looks, below. */
CASE(a_gate_goes_when_it_is_empty)
{
    for (int n = 0; n < 200; n++) {
        struct fini_gate *of_heap = calloc(1, sizeof *of_heap);
        pthread_t thread = start_thread(enters_and_leaves, of_heap);
        wait_for_step(1);
        require_eq(fini_gate_close(of_heap, -1), FINI_OK);
        free(of_heap);
        pthread_join(thread, NULL);
        atomic_store(&step, 0);
    }
}

static void run_cases_by(const char *tool, const char *options, const char *const *names)
{
    char path[PATH_MAX] = "", command[PATH_MAX + 200];
    snprintf(command, sizeof command, "command -v %s >/dev/null", tool);
    if (system(command) != 0)
        skip("%s is not installed", tool);
    require(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    for (int n = 0; names[n] != NULL; n++) {
        snprintf(command, sizeof command, "%s %s '%s' --case %s >/dev/null", tool, options, path,
                 names[n]);
        require_eq(system(command), 0);
    }
}

CASE(under_valgrind, .timeout = 60, .slow = true)
{
    static const char *const names[] = {
        "the_last_to_leave_wakes_the_closer", "a_gate_goes_when_it_is_empty",
        "only_the_forking_thread_is_inside_in_a_child", "a_child_leaves_what_its_parent_entered",
        NULL};
    run_cases_by("valgrind", "-q --error-exitcode=9", names);
}

/* It has no membarrier, and says yes to any madvise without doing it (seen in 7.2). */
CASE(under_qemu, .timeout = 60, .slow = true)
{
    static const char *const names[] = {
        "the_last_to_leave_wakes_the_closer", "a_gate_goes_when_it_is_empty",
        "only_the_forking_thread_is_inside_in_a_child", "a_child_leaves_what_its_parent_entered",
        "a_child_of_a_child", "a_child_of_another_thread", "forked_while_another_thread_closes",
        NULL};
    run_cases_by("qemu-x86_64", "", names);
}

#endif
