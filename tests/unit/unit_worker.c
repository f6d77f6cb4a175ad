/* SPDX-License-Identifier: MIT
 *
 * Workers on the fake platform: states and errors, which finalization waits for whom, and what a
 * thread does that is slow, or never ends.
 *
 * Leaves to others: threads that are really there (tests/workers).
 */
#include <errno.h>
#include <string.h>

#include "probe.h"

enum { STARTER = 1, WORKER = 7 };

static struct fini_worker w;

static void run(struct fini_worker *worker, void *arg)
{
    require(worker == &w);
    say("%s runs", (const char *)arg);
}

/* What the thread of the fake does, when somebody lets it. */
static void begin_thread(void)
{
    fake.thread = WORKER;
    fake.worker.run(fake.worker.arg);
    fake.worker.out = true;
    fake.thread = STARTER;
}

static void end_thread(void)
{
    begin_thread();
    fake.worker.ended = true;
}

static void start(void)
{
    probe_start();
    memset(&w, 0, sizeof w);
    require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
    require_eq(fake.threads, 1);
}

static void ends_when_asked(unsigned round)
{
    (void)round;
    if (fini_worker_stopping(&w) && !fake.worker.ended)
        end_thread();
}

/* ---- states and errors ----------------------------------------------------------------------- */

CASE(worker_of_nothing)
{
    probe_start();
    require_eq(fini_worker_start(NULL, run, NULL), FINI_EINVAL);
    require_eq(fini_worker_start(&w, NULL, NULL), FINI_EINVAL);
    require_eq(fini_worker_stop(NULL), FINI_EINVAL);
    require_eq(fini_worker_wait(NULL, -1), FINI_EINVAL);
    require(!fini_worker_stopping(NULL));
    require(strcmp(fake.log, "") == 0);
}

CASE(worker_in_memory_that_nobody_initialized)
{
    for (unsigned fill = 0; fill < 256; fill++) {
        probe_start();
        memset(&w, (int)fill, sizeof w);
        require_eq(fini_worker_stop(&w), FINI_ENOENT);
        require_eq(fini_worker_wait(&w, -1), FINI_ENOENT);
        require_eq(fini_worker_start(&w, run, NULL), FINI_OK);
        require_eq(fini_worker_start(&w, run, NULL), FINI_EBUSY);
        require(!fini_worker_stopping(&w));
        fake.worker.ended = true;
        require_eq(fini_worker_stop(&w), FINI_OK);
        require_eq(fini_worker_stop(&w), FINI_ENOENT);
        require(inside_whole());
    }
}

CASE(worker_stopped, .expect = "w runs\n")
{
    start();
    fake.on_join = ends_when_asked;
    errno = EDOM;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(errno, EDOM);
    require(strcmp(fake.log, "thread_start thread_ended ") == 0);
    require_eq(fini_worker_stop(&w), FINI_ENOENT);
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
}

CASE(worker_started_again, .expect = "w runs\nw runs\n")
{
    start();
    fake.on_join = ends_when_asked;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
    require(!fini_worker_stopping(&w));
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(fake.threads, 0);
}

CASE(worker_that_cannot_be_started)
{
    static const int errors[] = {FINI_EAGAIN, FINI_ENOMEM, FINI_ENOTSUP};
    for (size_t n = 0; n < sizeof errors / sizeof *errors; n++) {
        probe_start();
        fake.thread_refuses = errors[n];
        errno = EDOM;
        require_eq(fini_worker_start(&w, run, "w"), errors[n]);
        require_eq(errno, EDOM);
        require_eq(fini_worker_stop(&w), FINI_ENOENT);
        fake.thread_refuses = FINI_OK;
        require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
        fake.worker.ended = true;
        fake_finalize(FINI_UNLOAD);
        require_eq(fake.threads, 0);
    }
}

static int stop_answer, wait_answer;

static void run_and_stop_itself(struct fini_worker *worker, void *arg)
{
    (void)arg;
    stop_answer = fini_worker_stop(worker);
    wait_answer = fini_worker_wait(worker, 3);
}

CASE(worker_that_stops_itself)
{
    probe_start();
    require_eq(fini_worker_start(&w, run_and_stop_itself, NULL), FINI_OK);
    end_thread();
    require_eq(stop_answer, FINI_EDEADLK);
    require_eq(wait_answer, FINI_ETIMEDOUT);
    require_eq(fini_worker_stop(&w), FINI_OK);
}

CASE(worker_in_a_signal_handler)
{
    start();
    struct fini__lock *lock = inside_workers_lock();
    require(fini__lock_take(lock));
    struct fini_worker another = FINI_WORKER_INIT;
    require_eq(fini_worker_start(&another, run, NULL), FINI_EDEADLK);
    require_eq(fini_worker_stop(&w), FINI_EDEADLK);
    require_eq(fini_worker_wait(&w, -1), FINI_EDEADLK);
    fini__lock_drop(lock);
    fake.worker.ended = true;
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
}

/* exit() called in a signal handler: a hook stops the worker that the same thread, further down on
 * its stack, is about to start or to stop. */
static int answer_in_handler;

static void stop_in_handler(unsigned round)
{
    if (round != 0)
        return;
    answer_in_handler = fini_worker_stop(&w);
    fake.worker.ended = true;
}

CASE(worker_in_a_signal_handler_while_it_is_stopped)
{
    start();
    fake.on_join = stop_in_handler;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(answer_in_handler, FINI_EDEADLK);
    require_eq(fake.threads, 0);
}

static void stop_in_start(void)
{
    answer_in_handler = fini_worker_stop(&w);
}

CASE(worker_in_a_signal_handler_while_it_is_started)
{
    probe_start();
    fake.on_start = stop_in_start;
    require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
    require_eq(answer_in_handler, FINI_EDEADLK);
    fake.worker.ended = true;
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
}

/* By the destructor of a value, say: its thread still has code of the image to run. */
CASE(worker_that_stops_itself_behind_its_run, .expect = "w runs\n")
{
    start();
    begin_thread();
    fake.thread = WORKER;
    require_eq(fini_worker_stop(&w), FINI_EDEADLK);
    fake.thread = STARTER;
    fake.worker.ended = true;
    require_eq(fini_worker_stop(&w), FINI_OK);
}

/* But a hook of an unload that has come to its thread may. */
static void stop_by_hook(struct probe *self)
{
    (void)self;
    answer_in_handler = fini_worker_stop(&w);
}

CASE(worker_that_unloads_its_image_and_is_stopped_by_a_hook, .expect = "w runs\nA unload\n")
{
    start();
    probe_set(&A, "A", FINI_ALWAYS, stop_by_hook);
    add(&A);
    begin_thread();
    fake.thread = WORKER;
    fake_finalize(FINI_UNLOAD);
    require_eq(answer_in_handler, FINI_OK);
    require_eq(fake.threads, 0);
}

static void time_passes(unsigned round)
{
    (void)round;
    fake.now += 30000000;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void ask(unsigned round)
{
    if (round != 2)
        return;
    fake.worker.ended = true;
    require_eq(fini_worker_stop(&w), FINI_OK);
}

CASE(worker_waits_until_it_is_asked)
{
    start();
    require_eq(fini_worker_wait(&w, 0), FINI_ETIMEDOUT);
    require_eq(fake.waits, 0);
    require_eq(fini_worker_wait(&w, 5), FINI_ETIMEDOUT);
    fake.waits = 0;
    fake.on_wait = ask;
    require_eq(fini_worker_wait(&w, -1), FINI_OK);
    require_eq(fake.waits, 3);
    require_eq(fini_worker_wait(&w, 0), FINI_ENOENT);
}

static void ends_late(unsigned round)
{
    (void)round;
    if (fake.now > 3000000000u)
        end_thread();
}

/* After one second, once. */
CASE(worker_that_takes_its_time, .expect = "w runs\n")
{
    start();
    fake.trace = true;
    fini__image_loaded();
    fake.on_wait = time_passes;
    fake.on_join = ends_late;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require(strcmp(fake.printed, "fini: libthing.so: waits for its worker, thread 0\n") == 0);
}

static void never_ends(unsigned round)
{
    if (round == 0)
        begin_thread();
    require(round < 2000);
}

/* Some destructor of its libc waits for what the stopping thread holds. */
CASE(worker_that_is_out_of_the_image_but_never_ends, .expect = "w runs\n")
{
    start();
    fake.on_join = never_ends;
    fake_finalize(FINI_UNLOAD);
    require(strstr(fake.log, "thread_out ") != NULL);
    require_eq(fake.threads, 0);
}

/* ---- ends ------------------------------------------------------------------------------------ */

CASE(workers_at_unload_newest_first,
     .expect = "C unload\nw runs\nB unload\nA unload\n")
{
    probe_start();
    add(&A);
    add(&B);
    require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
    fake.on_join = ends_when_asked;
    add(&C);
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
    require(inside_whole());
}

CASE(workers_at_unload_at_exit, .expect = "w runs\n")
{
    start();
    fake.on_join = ends_when_asked;
    fake_finalize(FINI_UNLOAD_AT_EXIT);
    require_eq(fake.threads, 0);
}

static void finalize_for_exit(bool clean, bool in_doubt)
{
    start();
    fake.clean_exit = clean;
    fake_sees(FINI_EXIT);
    if (in_doubt)
        fake.sight.by_exit = false;
    fake.on_wait = time_passes;
    fini__image_finalize(&fake);
    require_eq(fake.threads, 1);
    require_eq(fini_worker_stopping(&w), in_doubt);
}

CASE(workers_at_exit)
{
    finalize_for_exit(false, false);
    require_eq(fini_worker_start(&w, run, "w"), FINI_EBUSY);
    struct fini_worker another = FINI_WORKER_INIT;
    require_eq(fini_worker_start(&another, run, "w"), FINI_EFINALIZING);
    fake.worker.ended = true;
    require_eq(fini_worker_stop(&w), FINI_OK);
}

CASE(workers_at_a_clean_exit)
{
    finalize_for_exit(true, false);
}

/* A second at most. */
CASE(workers_in_doubt)
{
    finalize_for_exit(false, true);
    require(fake.now < 1300000000);
}

CASE(workers_in_doubt_that_stop, .expect = "w runs\n")
{
    start();
    fake.on_join = ends_when_asked;
    fake.sight = (struct fini__sight){.finalizer = true};
    fini__image_finalize(&fake);
    require_eq(fake.threads, 0);
}

/* The worker has ended the last reference to the image, after its run. */
CASE(worker_that_unloads_its_image, .expect = "w runs\n")
{
    start();
    begin_thread();
    fake.thread = WORKER;
    fake_finalize(FINI_UNLOAD);
    require(strstr(fake.log, "thread_dismissed ") != NULL);
    require_eq(fake.threads, 0);
}

static void run_and_finalize(struct fini_worker *worker, void *arg)
{
    (void)worker, (void)arg;
    fake_finalize(FINI_UNLOAD_AT_EXIT);
}

/* By exit(), say: it never comes back. */
CASE(worker_that_unloads_its_image_from_its_run)
{
    probe_start();
    require_eq(fini_worker_start(&w, run_and_finalize, NULL), FINI_OK);
    begin_thread();
    require_eq(fake.threads, 1);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static bool parents_thread_was_touched(void)
{
    return strstr(fake.log, "thread_dismissed ") != NULL ||
           strstr(fake.log, "thread_ended ") != NULL || strstr(fake.log, "thread_out ") != NULL;
}

static bool parents_thread_was_forgotten(void)
{
    return strstr(fake.log, "thread_forgotten ") != NULL;
}

static void fork_child(void)
{
    start();
    fake_fork();
    require_eq(fini_worker_wait(&w, -1), FINI_ENOENT);
}

CASE(worker_of_the_parent_stopped_in_a_child)
{
    fork_child();
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(fini_worker_stop(&w), FINI_ENOENT);
    require(!parents_thread_was_touched());
    require(parents_thread_was_forgotten());
}

CASE(worker_of_the_parent_started_in_a_child, .expect = "w runs\n")
{
    fork_child();
    require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
    require_eq(fini_worker_start(&w, run, "w"), FINI_EBUSY);
    fake.on_join = ends_when_asked;
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
}

CASE(worker_of_the_parent_at_unload_in_a_child)
{
    fork_child();
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
    require(!parents_thread_was_touched());
    require(parents_thread_was_forgotten());
}

/* Another thread of the parent may have been giving it back. */
CASE(worker_of_the_parent_that_was_being_stopped)
{
    start();
    w.fini__phase = 2; /* being stopped */
    fake_fork();
    require_eq(fini_worker_stop(&w), FINI_OK);
    require(!parents_thread_was_forgotten());
}

/* The thread that forked may be the worker's: who else is in the child cannot tell. */
CASE(worker_of_the_parent_stopped_in_another_thread_of_a_child)
{
    fork_child();
    fake.thread = 5;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require(!parents_thread_was_forgotten());
}

/* Its thread has forked, and is in the child what it was in the parent, but no worker. */
CASE(worker_in_a_child_of_its_own)
{
    start();
    w.fini__self = WORKER;
    fake.thread = WORKER;
    fake_fork();
    require_eq(fini_worker_wait(&w, -1), FINI_ENOENT);
    require_eq(fini_worker_stop(&w), FINI_OK);
}

static int answer_of_another;

/* Another thread of the child comes while this one gives back what it knows of the parent's. */
static void another_starts_it(unsigned round)
{
    (void)round;
    fake.on_pause = NULL;
    fini__lock_drop(inside_lock());
    fake.thread = 5;
    answer_of_another = fini_worker_start(&w, run, "w");
    fake.thread = STARTER;
}

CASE(worker_of_the_parent_stopped_and_started_at_once, .expect = "w runs\n")
{
    fork_child();
    fake.thread = 6;
    require(fini__lock_take(inside_lock()));
    fake.thread = STARTER;
    fake.on_pause = another_starts_it;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(answer_of_another, FINI_EBUSY);
    require_eq(fini_worker_start(&w, run, "w"), FINI_OK);
    fake.on_join = ends_when_asked;
    fake_finalize(FINI_UNLOAD);
    require_eq(fake.threads, 0);
}

/* The child gives the memory back, and comes to the end of the run: that of another worker by then,
 * or of nobody. */
static void run_and_fork(struct fini_worker *worker, void *arg)
{
    (void)arg;
    fake_fork();
    require_eq(fini_worker_stop(worker), FINI_OK);
    memset(worker, 0, sizeof *worker);
}

CASE(worker_that_forks_and_returns_in_the_child)
{
    static const struct fini_worker zero;
    probe_start();
    require_eq(fini_worker_start(&w, run_and_fork, NULL), FINI_OK);
    begin_thread();
    require(memcmp(&w, &zero, sizeof w) == 0);
}

/* ---- two that stop, and one that starts ------------------------------------------------------ */

static unsigned pauses;

/* A second thread comes while the first waits for the worker, and is not done before it. */
static int second_answer;

static void first_is_done(unsigned round)
{
    (void)round;
    if (++pauses == 3)
        fake.worker.ended = true;
}

static void second_comes(unsigned round)
{
    if (round != 0)
        return;
    fake.on_join = NULL;
    fake.on_pause = first_is_done;
    second_answer = fini_worker_wait(&w, 0);
}

CASE(worker_stopped_while_it_is_looked_at, .expect = "w runs\n")
{
    start();
    fake.on_join = second_comes;
    fake.on_wait = time_passes;
    begin_thread();
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(second_answer, FINI_OK);
    require_eq(fake.threads, 0);
}

static void is_started_now(unsigned round)
{
    (void)round;
    if (++pauses == 3) {
        w.fini__phase = 1; /* started */
        fake.worker.ended = true;
    }
}

CASE(worker_that_is_still_being_started)
{
    start();
    w.fini__phase = 0; /* starting, in STARTER */
    fake.thread = 3;
    fake.on_pause = is_started_now;
    require_eq(fini_worker_stop(&w), FINI_OK);
    require_eq(pauses, 3);
    require_eq(fake.threads, 0);
}

/* ---- its name -------------------------------------------------------------------------------- */

CASE(workers_name)
{
    static const char *const names[][2] = {
        {"libthing.so.1", "libthing"},
        {"thing.so", "thing"},
        {"program", "program"},
        {"lib.so-called.so", "lib.so-called"},
        {"libwith-a-long-name.so.2", "ith-a-long-name"},
        {".so", ""},
    };
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        probe_start();
        fake.library_name = names[n][0];
        require_eq(fini_worker_start(&w, run, NULL), FINI_OK);
        require(strcmp(fake.worker.name, names[n][1]) == 0);
        fake.worker.ended = true;
        require_eq(fini_worker_stop(&w), FINI_OK);
    }
    probe_start();
    fake.library_name = NULL;
    require_eq(fini_worker_start(&w, run, NULL), FINI_OK);
    require(strcmp(fake.worker.name, "") == 0);
}
