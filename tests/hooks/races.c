/* SPDX-License-Identifier: MIT
 *
 * Hooks and several threads of control: a thread that removes, two that exit, one that unloads
 * while another exits, a signal handler that exits.
 *
 * Decides: that no hook runs twice, and that nothing crashes or hangs. The windows are widened by
 * hooks that take milliseconds, and each race is run many times, in a process of its own.
 * Leaves to others: FINI_ON_EXIT_BEGIN (begin.c).
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

enum { HOOKS = 3 };

static const struct plugin *plugin;
static void *handle;
static struct tally *tallies; /* one a hook, shared by all runs */
static struct fini_hook hooks[HOOKS];

static void open_with_hooks(int nap_us)
{
    handle = open_plugin("plugin.so", &plugin);
    for (int i = 0; i < HOOKS; i++) {
        tallies[i].nap_us = nap_us;
        hooks[i] = (struct fini_hook){plugin->count, &tallies[i], FINI_ALWAYS, 0, 0, 0, 0, 0};
        require_eq(plugin->add(&hooks[i]), FINI_OK);
    }
}

static pthread_t start(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, run, arg), 0);
    return thread;
}

static int reset_and_run(void (*body)(void *arg), int run)
{
    for (int i = 0; i < HOOKS; i++) {
        atomic_store(&tallies[i].begun, 0);
        atomic_store(&tallies[i].ended, 0);
    }
    return in_child(body, &run, 20);
}

/* Returns how many hooks were begun in all runs: a race in which none ever ran proves nothing. */
static int repeat(int runs, void (*body)(void *arg))
{
    int begun = 0;
    tallies = shared_memory(HOOKS * sizeof *tallies);
    for (int run = 0; run < runs; run++) {
        require_eq(reset_and_run(body, run), 0);
        for (int i = 0; i < HOOKS; i++) {
            require(tallies[i].begun <= 1);
            begun += tallies[i].begun;
        }
    }
    return begun;
}

/* ---- a thread that removes ------------------------------------------------------------------ */

static void slow(void *arg, fini_reason why)
{
    atomic_int *running = arg;
    atomic_store(running, 1);
    nap(200000);
    say("ran: %s", reason(why));
    atomic_store(running, 2);
}

static struct fini_hook slow_hook, later_hook;
static atomic_int running;

static void nap_later(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    nap(200000); /* keeps the image mapped while the other thread returns from it */
}

static void open_slow(void)
{
    handle = open_plugin("plugin.so", &plugin);
    later_hook = (struct fini_hook){.fn = nap_later, .when = FINI_ALWAYS};
    slow_hook = (struct fini_hook){.fn = slow, .arg = &running, .when = FINI_ALWAYS};
    require_eq(plugin->add(&later_hook), FINI_OK);
    require_eq(plugin->add(&slow_hook), FINI_OK);
}

static void *remove_slow(void *arg)
{
    (void)arg;
    while (atomic_load(&running) == 0)
        nap(1000);
    require_eq(plugin->remove(&slow_hook), FINI_OK);
    require_eq(atomic_load(&running), 2);
    say("removed");
    return NULL;
}

CASE(remove_waits_at_unload, .unloads = true, .expect = "ran: unload\nremoved\n")
{
    open_slow();
    pthread_t remover = start(remove_slow, NULL);
    close_plugin(handle);
    pthread_join(remover, NULL);
}

CASE(remove_waits_at_exit, .after = "ran: exit\nremoved\n")
{
    open_slow();
    start(remove_slow, NULL);
}

static void *add_late(void *arg)
{
    static struct fini_hook late;
    (void)arg;
    late = (struct fini_hook)SPEAKER(plugin, "late", FINI_ALWAYS);
    while (atomic_load(&running) == 0)
        nap(1000);
    require_eq(plugin->add(&late), FINI_EFINALIZING);
    say("refused");
    return NULL;
}

CASE(add_is_too_late_in_another_thread, .after = "refused\nran: exit\n")
{
    open_slow();
    start(add_late, NULL);
}

/* ---- a signal handler that exits ------------------------------------------------------------ */

static void exit_now(int signal_number)
{
    (void)signal_number;
    exit(0);
}

static void set_timer(int microseconds)
{
    struct itimerval once = {.it_value = {.tv_usec = microseconds}};
    signal(SIGALRM, exit_now);
    require_eq(setitimer(ITIMER_REAL, &once, NULL), 0);
}

static void add_and_remove_for_ever(void *arg)
{
    int run = *(int *)arg;
    open_with_hooks(0);
    set_timer(1000 + 97 * run);
    for (;;) {
        require_eq(plugin->remove(&hooks[1]), FINI_OK);
        require_eq(plugin->add(&hooks[1]), FINI_OK);
    }
}

/* Only the hook that is being moved may have been found removed. */
CASE(exit_from_a_signal_handler, .timeout = 60)
{
    int begun = repeat(50, add_and_remove_for_ever);
    require(begun >= 2 * 50);
}

static void *add_and_remove_another(void *arg)
{
    struct fini_hook own = {.fn = plugin->count, .arg = arg, .when = FINI_ALWAYS};
    sigset_t alarm_set;
    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm_set, NULL);
    while (plugin->add(&own) == FINI_OK)
        if (plugin->remove(&own) != FINI_OK)
            break;
    return NULL;
}

/* The same while another thread is inside fini_add most of the time. */
static void add_in_two_threads(void *arg)
{
    struct tally *unseen = shared_memory(sizeof *unseen);
    int run = *(int *)arg;
    open_with_hooks(0);
    start(add_and_remove_another, unseen);
    set_timer(1000 + 97 * run);
    for (;;) {
        plugin->remove(&hooks[1]);
        plugin->add(&hooks[1]);
    }
}

CASE(exit_from_a_signal_handler_among_threads, .timeout = 60)
{
    int begun = repeat(50, add_in_two_threads);
    require(begun >= 2 * 50);
}

/* ---- two threads that exit ------------------------------------------------------------------ */

static pthread_barrier_t together;

static void *exit_together(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&together);
    exit(0);
}

static void nap_at_exit(void)
{
    nap(10000);
}

/* One thread takes the handler, the other meanwhile runs what is older: the loader's finalizer.
 * Without the handler the second thread would find nothing to do and end the process. */
static void exit_twice(void *arg)
{
    (void)arg;
    open_with_hooks(1000);
    require_eq(atexit(nap_at_exit), 0);
    pthread_barrier_init(&together, NULL, 2);
    start(exit_together, NULL);
    exit_together(NULL);
}

CASE(two_threads_exit, .timeout = 60)
{
    int begun = repeat(50, exit_twice);
    require(begun >= 2); /* of 150: under an emulator the process is often over before */
}

/* The hooks are for both moments: one thread runs them as exit() begins, while the other is already
 * in the image's finalizer. */
static void exit_twice_early(void *arg)
{
    (void)arg;
    open_with_hooks(1000);
    for (int i = 0; i < HOOKS; i++) {
        require_eq(plugin->remove(&hooks[i]), FINI_OK);
        hooks[i].when |= FINI_ON_EXIT_BEGIN;
        require_eq(plugin->add(&hooks[i]), FINI_OK);
    }
    pthread_barrier_init(&together, NULL, 2);
    start(exit_together, NULL);
    exit_together(NULL);
}

CASE(two_threads_exit_early, .timeout = 60)
{
    int begun = repeat(50, exit_twice_early);
    require(begun >= 50);
}

/* ---- one unloads while another exits -------------------------------------------------------- */

static void *close_together(void *arg)
{
    nap(*(int *)arg % 20 * 200);
    pthread_barrier_wait(&together);
    close_plugin(handle);
    return NULL;
}

/* From exit first by 2 ms to unload first by 2 ms. */
static void close_and_exit(void *arg)
{
    int run = *(int *)arg;
    open_with_hooks(1000);
    pthread_barrier_init(&together, NULL, 2);
    start(close_together, arg);
    pthread_barrier_wait(&together);
    nap(run % 20 * 150);
    exit(0);
}

CASE(unload_against_exit, .timeout = 120, .slow = true)
{
    int begun = repeat(200, close_and_exit);
    require(begun >= 200);
}
