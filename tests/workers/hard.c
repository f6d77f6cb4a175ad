/* SPDX-License-Identifier: MIT
 *
 * Workers in bad company: exit() in signal handlers, in the middle of things and while an unload
 * waits; threads that are cancelled, that change who they are, and that hold the image.
 *
 * Leaves to others: ordinary lives (life.c), what waits for the loader (deadlocks.c).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"
#include "steps.h"

#ifndef PLUGIN
#define PLUGIN "workers-plugin.so"
#endif

static pthread_t main_thread;
static atomic_bool may_end;

static void open_plugin(void)
{
    open_image(&image, PLUGIN);
    main_thread = pthread_self();
}

static void until_stopped(int n)
{
    begun++;
    require_eq(image.p->wait(n, -1), FINI_OK);
    take_a_while();
    say("stopped %d", n);
}

/* ---- exit() in a signal handler -------------------------------------------------------------- */

static void exit_in_handler(int signal)
{
    (void)signal;
    exit(0);
}

static void stop_in_hook(void *value, fini_reason why)
{
    int error = image.p->stop(0);
    say("%s", error == FINI_EDEADLK ? "deadlock" : error == FINI_OK ? "stopped" : "?");
    say_value(value, why);
}

static void add_hook_that_stops_it(void)
{
    report = stop_in_hook;
    signal(SIGUSR1, exit_in_handler);
    require_eq(image.p->add_hook("hook"), FINI_OK);
}

/* Behind that, main is waiting for it. */
static void interrupt_who_stops_it(int n)
{
    begun++;
    require_eq(image.p->wait(n, -1), FINI_OK);
    take_a_while();
    pthread_kill(main_thread, SIGUSR1);
    while (true)
        pause();
}

CASE(exit_in_a_signal_handler_that_interrupted_stop, .ends = true,
     .expect = "deadlock\nhook: exit\n")
{
    open_plugin();
    add_hook_that_stops_it();
    start(0, interrupt_who_stops_it);
    image.p->stop(0);
}

/* The hook is older, and so has not run yet. */
CASE(exit_in_a_signal_handler_that_interrupted_the_unload, .unloads = true, .ends = true,
     .expect = "deadlock\nhook: exit\n")
{
    open_plugin();
    add_hook_that_stops_it();
    start(0, interrupt_who_stops_it);
    close_image(&image);
}

/* Found by libfini, as sanitizers' functions are. */
static atomic_bool interrupts;

extern __typeof__(pthread_create) pthread_create;
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    static __typeof__(pthread_create) *create;
    if (create == NULL)
        *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    if (atomic_exchange(&interrupts, false))
        exit(0);
    return create(thread, attr, run, arg);
}

CASE(exit_in_the_middle_of_start, .ends = true, .expect = "deadlock\nhook: exit\n")
{
    open_plugin();
    add_hook_that_stops_it();
    interrupts = true;
    image.p->start(0, until_stopped);
}

/* ---- exit() while an unload waits ------------------------------------------------------------ */

static sem_t is_asked;

static void until_exit_has_begun(int n)
{
    begun++;
    require_eq(image.p->wait(n, -1), FINI_OK);
    sem_post(&is_asked);
    while (!may_end)
        usleep(1000);
    take_a_while();
    say("stopped %d", n);
}

static void *close_it(void *unused)
{
    close_image(&image);
    return unused;
}

static void let_it_end(void)
{
    may_end = true;
}

/* exit() waits for the unload, which waits for the worker, and had begun before. */
CASE(exit_by_another_thread_while_the_unload_waits, .unloads = true,
     .after = "stopped 0\nhook: unload\n")
{
    pthread_t thread;
    require_eq(atexit(let_it_end), 0);
    sem_init(&is_asked, 0, 0);
    open_plugin();
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, until_exit_has_begun);
    require_eq(pthread_create(&thread, NULL, close_it, NULL), 0);
    sem_wait(&is_asked);
}

static void stop_in_hook_at_exit(void *value, fini_reason why)
{
    require_eq(image.p->stop(0), FINI_OK);
    require_eq(image.p->start(0, until_stopped), FINI_EFINALIZING);
    say_value(value, why);
}

CASE(stopped_by_a_hook_at_exit, .after = "stopped 0\nhook: exit\n")
{
    open_plugin();
    report = stop_in_hook_at_exit;
    start(0, until_stopped);
    require_eq(image.p->add_hook("hook"), FINI_OK);
}

/* ---- cancelled, and somebody else ------------------------------------------------------------ */

static atomic_int answer = 1;

static void *stop_it_and_end(void *unused)
{
    pthread_cancel(pthread_self());
    answer = image.p->wait(0, 1000000);
    require_eq(answer, FINI_ETIMEDOUT);
    answer = image.p->stop(0);
    pthread_testcancel();
    return unused;
}

CASE(no_call_is_a_cancellation_point, .expect = "stopped 0\n")
{
    pthread_t thread;
    void *result;
    open_plugin();
    start(0, until_stopped);
    require_eq(pthread_create(&thread, NULL, stop_it_and_end, NULL), 0);
    require_eq(pthread_join(thread, &result), 0);
    require(result == PTHREAD_CANCELED);
    require_eq(answer, FINI_OK);
    close_image(&image);
}

static pthread_t worker_thread;

static void tell_who_it_is(int n)
{
    worker_thread = pthread_self();
    until_stopped(n);
}

/* libc interrupts each thread for it. Signals are blocked in a worker, but not those of libc. */
CASE(set_user_id_does_not_wait_for_a_worker, .expect = "stopped 0\n")
{
    open_plugin();
    start(0, tell_who_it_is);
    require_eq(setuid(getuid()), 0);
    stop_where_it_stays(0);
    close_image(&image);
}

static void run_and_be_cancelled(int n)
{
    (void)n;
    worker_thread = pthread_self();
    begun++;
    while (true)
        pause();
}

/* Which it should not; but outside of an unload it is waited for all the same. */
CASE(a_cancelled_worker)
{
    open_plugin();
    start(0, run_and_be_cancelled);
    pthread_cancel(worker_thread);
    require_eq(image.p->stop(0), FINI_OK);
    close_image(&image);
}

static void stop_in_destructor(void *value, fini_reason why)
{
    int error = image.p->stop(0);
    say("%s", error == FINI_EDEADLK ? "deadlock" : "?");
    say_value(value, why);
}

static void leave_a_value(int n)
{
    require_eq(image.p->set(0, "value"), FINI_OK);
    until_stopped(n);
}

CASE(stopped_by_a_destructor_at_its_own_end,
     .expect = "stopped 0\ndeadlock\nvalue: thread exit\n")
{
    open_plugin();
    report = stop_in_destructor;
    require_eq(image.p->init(0), FINI_OK);
    start(0, leave_a_value);
    stop_where_it_stays(0);
    close_image(&image);
}

/* ---- workers that hold the image ------------------------------------------------------------- */

static void hold_it(int n)
{
    (void)n;
    require_eq(image.p->hold_for_thread(), FINI_OK);
    begun++;
    while (!may_end)
        usleep(1000);
}

static void wait_until_gone(void)
{
    while (is_mapped(&image))
        usleep(1000);
}

static void close_and_let_them_end(void)
{
    require_eq(dlclose(image.handle), 0);
    require(is_mapped(&image));
    may_end = true;
    wait_until_gone();
}

/* The last one unloads it, and waits for the others. */
CASE(all_workers_hold_the_image, .unloads = true)
{
    for (int round = 0; round < 30; round++) {
        may_end = false;
        open_plugin();
        for (int n = 0; n < PLUGIN_WORKERS; n++)
            start(n, hold_it);
        close_and_let_them_end();
    }
}

static void stop_the_first(int n)
{
    begun++;
    require_eq(image.p->wait(n, -1), FINI_OK);
    require_eq(image.p->stop(0), FINI_OK);
    say("stopped the first");
}

/* Each waits for the other: the one that unloads is known to be out of the image. */
CASE(stopped_by_another_that_its_own_end_stops, .unloads = true, .slow = true,
     .expect = "stopped the first\nhook: unload\n")
{
    open_plugin();
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, hold_it);
    start(1, stop_the_first);
    close_and_let_them_end();
}

static void hold_with_values(int n)
{
    require_eq(image.p->set(0, "value"), FINI_OK);
    hold_it(n);
}

/* Keys of values are older than the one that ends the hold... */
CASE(one_with_values_that_holds_the_image, .unloads = true,
     .expect = "value: thread exit\nhook: unload\n")
{
    open_plugin();
    require_eq(image.p->init(0), FINI_OK);
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, hold_with_values);
    close_and_let_them_end();
}

/* ... or younger: then the unload, in the same thread, finds the value. */
CASE(one_that_holds_the_image_and_has_values, .unloads = true,
     .expect = "hook: unload\nvalue: unload\n")
{
    open_plugin();
    start(0, hold_it);
    may_end = true;
    require_eq(image.p->stop(0), FINI_OK);
    may_end = false;
    require_eq(image.p->init(0), FINI_OK);
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, hold_with_values);
    close_and_let_them_end();
}

/* ---- many ------------------------------------------------------------------------------------ */

static void start_the_next(int n)
{
    if (n + 1 < PLUGIN_WORKERS) {
        int error = image.p->start(n + 1, start_the_next);
        require(error == FINI_OK || error == FINI_EFINALIZING);
    }
    begun++;
    image.p->wait(n, -1);
}

/* Wherever the chain is when the unload begins. */
CASE(each_starts_the_next_while_it_is_unloaded, .unloads = true, .timeout = 60)
{
    for (int round = 0; round < 200; round++) {
        open_plugin();
        start(0, start_the_next);
        if (round % 3 == 0)
            usleep((unsigned)round);
        close_image(&image);
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

CASE(under_valgrind, .unloads = true, .timeout = 90, .slow = true)
{
    static const char *const names[][2] = {
        {"workers_life", "a_child_has_no_workers"},
        {"workers_life", "stopped_and_started_again"},
        {"workers_life", "unloaded_by_another_thread"},
        {"workers_life", "a_worker_that_holds_the_image"},
        {"workers_hard", "all_workers_hold_the_image"},
        {"workers_hard", "stopped_by_a_destructor_at_its_own_end"},
    };
    char path[PATH_MAX], command[PATH_MAX + 200];
    if (system("command -v valgrind >/dev/null") != 0)
        skip("valgrind is not installed");
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        snprintf(command, sizeof command,
                 "valgrind -q --leak-check=full --show-leak-kinds=definite "
                 "--errors-for-leak-kinds=definite --error-exitcode=9 '%s' --case %s >/dev/null",
                 harness_path(path, names[n][0]), names[n][1]);
        require_eq(system(command), 0);
    }
}
