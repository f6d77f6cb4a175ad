/* SPDX-License-Identifier: MIT
 *
 * Several real threads on the real platform: adding, removing, exit() and fork() at once.
 *
 * Decides: that nothing is lost, run twice or run after fini_remove has returned. Also built with
 * the thread sanitizer, which decides that nothing races.
 * Leaves to others: threads and dlclose (tests/hooks), everything that one thread can show.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fini.h"
#include "children.h"
#include "harness.h"

#ifndef HAS_VALUES
#define HAS_VALUES 1
#endif

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

enum { THREADS = 8, SLOTS = 32, MILLISECOND = 1000 };

static pthread_t start(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, run, arg), 0);
    return thread;
}

static void wait_for(atomic_bool *flag)
{
    while (!atomic_load(flag))
        sched_yield();
}

/* ---- many threads, and exit() ---------------------------------------------------------------- */

/* One hook, added and removed over and over by one thread. */
struct slot {
    struct fini_hook hook;
    atomic_uint begun, ended;
    atomic_bool closed; /* fini_remove has returned: it must not run any more */
};

static struct slot slots[THREADS][SLOTS];
static atomic_uint failures, finished, rounds;

static void fail_if(bool failed, const char *what)
{
    if (failed && atomic_fetch_add(&failures, 1) == 0)
        say("failed: %s", what);
}

static void slot_runs(void *arg, fini_reason why)
{
    struct slot *slot = arg;
    fail_if(atomic_load(&slot->closed), "runs after it was removed");
    fail_if(atomic_fetch_add(&slot->begun, 1) != 0, "runs twice");
    fail_if(why != FINI_EXIT, "the reason");
    atomic_fetch_add(&slot->ended, 1);
}

static void slot_remove(struct slot *slot)
{
    int error = fini_remove(&slot->hook);
    unsigned ended = atomic_load(&slot->ended);
    fail_if(atomic_load(&slot->begun) != ended, "removed while it runs");
    fail_if(error == FINI_ENOENT && ended != 1, "lost");
    fail_if(error != FINI_OK && error != FINI_ENOENT, "the error of fini_remove");
    atomic_store(&slot->closed, true);
}

/* False: the image is being finalized. */
static bool slot_add(struct slot *slot, unsigned when)
{
    atomic_store(&slot->closed, false);
    slot->hook.fn = slot_runs;
    slot->hook.arg = slot;
    slot->hook.when = when;
    int error = fini_add(&slot->hook);
    fail_if(error != FINI_OK && error != FINI_EFINALIZING, "the error of fini_add");
    return error == FINI_OK;
}

/* Adds all, removes all, until it is too late. What has run is then not added again. */
static void *add_and_remove(void *arg)
{
    struct slot *mine = arg;
    bool more = true;
    while (more) {
        int added = 0;
        for (; more && added < SLOTS; added += more)
            more = slot_add(&mine[added], added % 2 ? FINI_ON_EXIT : FINI_ALWAYS);
        for (int n = 0; n < added; n++)
            slot_remove(&mine[n]);
        for (int n = 0; n < SLOTS; n++)
            more &= atomic_load(&mine[n].begun) == 0;
        atomic_fetch_add(&rounds, 1);
    }
    atomic_fetch_add(&finished, 1);
    return NULL;
}

static pthread_t adders[THREADS];

/* The oldest hook: all others have run or are removed. */
static void last_word(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    for (int n = 0; n < THREADS; n++)
        pthread_join(adders[n], NULL);
    say("threads %u, failures %u", atomic_load(&finished), atomic_load(&failures));
}

CASE(exit_while_others_add_and_remove, .ends = true, .expect = "threads 8, failures 0\n")
{
    static struct fini_hook last = FINI_HOOK_INIT(last_word, NULL, FINI_ON_EXIT);
    require_eq(fini_add(&last), FINI_OK);
    for (int n = 0; n < THREADS; n++)
        adders[n] = start(add_and_remove, slots[n]);
    while (atomic_load(&rounds) < 100)
        nap(MILLISECOND);
    exit(0);
}

/* ---- many threads, and the first hook for the beginning of exit() ---------------------------- */

static atomic_uint begins;

static void begin_runs(void *arg, fini_reason why)
{
    fail_if(why != FINI_EXIT || !fini_exiting(), "the beginning of exit");
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void *add_begin_hook(void *arg)
{
    struct fini_hook *hook = arg;
    *hook = (struct fini_hook)FINI_HOOK_INIT(begin_runs, &begins, FINI_ON_EXIT_BEGIN);
    atomic_fetch_add(&rounds, 1);
    while (atomic_load(&rounds) < THREADS)
        sched_yield();
    fail_if(fini_add(hook) != FINI_OK, "adding");
    return NULL;
}

static void count_begins(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    say("begins %u, failures %u", atomic_load(&begins), atomic_load(&failures));
}

CASE(exit_begin_hooks_added_by_many, .after = "begins 8, failures 0\n")
{
    static struct fini_hook hooks[THREADS];
    static struct fini_hook last = FINI_HOOK_INIT(count_begins, NULL, FINI_ON_EXIT);
    pthread_t threads[THREADS];
    require_eq(fini_add(&last), FINI_OK);
    for (int n = 0; n < THREADS; n++)
        threads[n] = start(add_begin_hook, &hooks[n]);
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
}

/* ---- removing what another thread runs ------------------------------------------------------- */

static struct fini_hook slow_hook;
static atomic_bool hook_runs, hook_returned, removes;
static pthread_t remover;

static void slow_run(void *arg, fini_reason why)
{
    (void)why;
    atomic_store(&hook_runs, true);
    wait_for(&removes);
    for (int n = 0; n < 50; n++) {
        nap(MILLISECOND);
        if (arg)
            pthread_kill(remover, SIGUSR1);
    }
    atomic_store(&hook_returned, true);
}

static void *remove_slow_hook(void *arg)
{
    (void)arg;
    wait_for(&hook_runs);
    errno = 77;
    atomic_store(&removes, true);
    int error = fini_remove(&slow_hook);
    say("%s, returned %d, errno %d", fini_strerror(error), atomic_load(&hook_returned), errno);
    require_eq(fini_remove(&slow_hook), FINI_ENOENT);
    return NULL;
}

static void join_remover(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    pthread_join(remover, NULL);
}

static void race_remover(void *signals)
{
    static struct fini_hook last = FINI_HOOK_INIT(join_remover, NULL, FINI_ON_EXIT);
    slow_hook = (struct fini_hook)FINI_HOOK_INIT(slow_run, signals, FINI_ON_EXIT);
    require_eq(fini_add(&last), FINI_OK);
    require_eq(fini_add(&slow_hook), FINI_OK);
    remover = start(remove_slow_hook, NULL);
}

CASE(remove_waits_for_the_running_hook, .after = "success, returned 1, errno 77\n")
{
    race_remover(NULL);
}

static void on_signal(int number)
{
    (void)number;
}

CASE(remove_keeps_errno_when_signals_end_its_naps, .after = "success, returned 1, errno 77\n")
{
    struct sigaction action = {.sa_handler = on_signal};
    require_eq(sigaction(SIGUSR1, &action, NULL), 0);
    race_remover(&action);
}

/* ---- the first other thread, while hooks run ------------------------------------------------- */

static struct fini_hook doomed = FINI_HOOK_INIT(slot_runs, &slots[0][0], FINI_ON_EXIT);
static struct fini_hook held;
static atomic_bool held_runs, held_returns;

static void *remove_and_add(void *arg)
{
    (void)arg;
    fail_if(fini_remove(&doomed) != FINI_OK, "remove while hooks run");
    fail_if(fini_add(&doomed) != FINI_EFINALIZING, "add while hooks run");
    return NULL;
}

static void *remove_held(void *arg)
{
    (void)arg;
    wait_for(&held_runs);
    atomic_store(&removes, true);
    fail_if(fini_remove(&held) != FINI_OK || !atomic_load(&held_returns), "remove does not wait");
    return NULL;
}

static void join_first_thread(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    pthread_join(start(remove_and_add, NULL), NULL);
    adders[0] = start(remove_held, NULL);
}

static void be_held(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    atomic_store(&held_runs, true);
    wait_for(&removes);
    nap(50 * MILLISECOND);
    atomic_store(&held_returns, true);
}

static void join_second_thread(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    pthread_join(adders[0], NULL);
    say("begun %u, failures %u", atomic_load(&slots[0][0].begun), atomic_load(&failures));
}

/* Until then libfini does without the atomics of its lock. */
CASE(the_first_other_thread_is_started_by_a_hook, .after = "begun 0, failures 0\n")
{
    static struct fini_hook hooks[2] = {FINI_HOOK_INIT(join_second_thread, NULL, FINI_ON_EXIT),
                                        FINI_HOOK_INIT(join_first_thread, NULL, FINI_ON_EXIT)};
    held = (struct fini_hook)FINI_HOOK_INIT(be_held, NULL, FINI_ON_EXIT);
    require_eq(fini_add(&hooks[0]), FINI_OK);
    require_eq(fini_add(&held), FINI_OK);
    require_eq(fini_add(&doomed), FINI_OK);
    require_eq(fini_add(&hooks[1]), FINI_OK);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static atomic_bool stop;

static void never_runs(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    say("runs");
}

static void *hammer(void *arg)
{
    struct fini_hook *hook = arg;
    *hook = (struct fini_hook)FINI_HOOK_INIT(never_runs, NULL, FINI_ON_UNLOAD);
    while (!atomic_load(&stop)) {
        fail_if(fini_add(hook) != FINI_OK, "adding");
        fail_if(fini_remove(hook) != FINI_OK, "removing");
    }
    return NULL;
}

CASE(a_child_has_no_lock_of_a_thread_it_lacks, .expect = "failures 0\n")
{
    static struct fini_hook hooks[2], mine;
    pthread_t threads[2] = {start(hammer, &hooks[0]), start(hammer, &hooks[1])};
    mine = (struct fini_hook)FINI_HOOK_INIT(never_runs, NULL, FINI_ON_UNLOAD);
    for (int n = 0; n < 200; n++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(5);
            _exit(fini_add(&mine) != FINI_OK || fini_remove(&mine) != FINI_OK || !fini_forked());
        }
        require_eq(wait_for_child(child), 0);
    }
    atomic_store(&stop, true);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    say("failures %u", atomic_load(&failures));
}

static struct fini_hook older;
static atomic_bool forked;

static void run_until_forked(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    atomic_store(&hook_runs, true);
    wait_for(&forked);
}

static void *call_exit(void *arg)
{
    (void)arg;
    exit(0);
}

/* Writes over what a thread that is no more had on its stack. */
static void *scribble(void *arg)
{
    char page[64 << 10];
    memset(page, 0x5a, sizeof page);
    __asm__ volatile("" : : "r"(page) : "memory");
    (void)arg;
    return NULL;
}

static void live_as_child(void)
{
    alarm(5);
    for (int n = 0; n < 4; n++)
        pthread_join(start(scribble, NULL), NULL);
    require_eq(fini_remove(&older), FINI_OK);
    require_eq(fini_remove(&slow_hook), FINI_ENOENT);
    _exit(0);
}

/* exit() runs hooks in one thread while another forks: the child gives that stack away. */
CASE(a_child_forgets_a_finalization_of_another_thread, .ends = true, .expect = "child is well\n")
{
    if (UNDER_TSAN)
        skip("the thread sanitizer allows no threads in such a child");
    older = (struct fini_hook)FINI_HOOK_INIT(never_runs, NULL, FINI_ON_UNLOAD);
    slow_hook = (struct fini_hook)FINI_HOOK_INIT(run_until_forked, NULL, FINI_ON_EXIT);
    require_eq(fini_add(&older), FINI_OK);
    require_eq(fini_add(&slow_hook), FINI_OK);
    start(call_exit, NULL);
    wait_for(&hook_runs);
    pid_t child = fork();
    if (child == 0)
        live_as_child();
    require_eq(wait_for_child(child), 0);
    say("child is well");
    atomic_store(&forked, true);
    for (;;)
        pause();
}

/* ---- workers --------------------------------------------------------------------------------- */

/* What a run writes, the next one and who has stopped it find, without a lock. */
static struct fini_worker worker;
static unsigned runs;

static void work(struct fini_worker *w, void *arg)
{
    (void)arg;
    runs++;
    while (fini_worker_wait(w, MILLISECOND / 10) != FINI_OK)
        ;
}

static void *start_and_stop(void *arg)
{
    unsigned *started = arg;
    for (int n = 0; n < 200; n++) {
        *started += fini_worker_start(&worker, work, NULL) == FINI_OK;
        fini_worker_stop(&worker);
    }
    return NULL;
}

CASE(workers_started_and_stopped_by_many)
{
    pthread_t threads[3];
    unsigned started[3] = {0};
    for (int n = 0; n < 3; n++)
        threads[n] = start(start_and_stop, &started[n]);
    for (int n = 0; n < 3; n++)
        require_eq(pthread_join(threads[n], NULL), 0);
    require_eq(runs, started[0] + started[1] + started[2]);
    require(runs >= 200);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* What a value leads to is written by its thread, and read by whoever destroys it. */
static struct fini_local local = FINI_LOCAL_INIT;
static atomic_uint destroyed;

static void destroy_value(void *value, fini_reason why)
{
    (void)why;
    destroyed += *(unsigned *)value;
    free(value);
}

static void *set_value_and_end(void *arg)
{
    unsigned *value = malloc(sizeof *value);
    *value = 1;
    while (fini_local_set(&local, value) != FINI_OK)
        sched_yield();
    return arg;
}

static void *start_many(void *arg)
{
    for (int n = 0; n < 100; n++)
        require_eq(pthread_join(start(set_value_and_end, arg), NULL), 0);
    return arg;
}

CASE(values_of_many_threads_that_end)
{
    pthread_t threads[3];
    if (!HAS_VALUES) {
        require_eq(fini_local_init(&local, destroy_value), FINI_ENOTSUP);
        skip("the platform has no thread values");
    }
    require_eq(fini_local_init(&local, destroy_value), FINI_OK);
    for (int n = 0; n < 3; n++)
        threads[n] = start(start_many, NULL);
    for (int n = 0; n < 50; n++) {
        fini_local_destroy(&local);
        require_eq(fini_local_init(&local, destroy_value), FINI_OK);
    }
    for (int n = 0; n < 3; n++)
        require_eq(pthread_join(threads[n], NULL), 0);
    require_eq(destroyed, 300);
}

/* ---- exit() and who asks whether it has begun ------------------------------------------------ */

static atomic_bool asked;

static void *ask_for_ever(void *arg)
{
    for (;; sched_yield()) {
        fini_exiting();
        atomic_store(&asked, true);
    }
    return arg;
}

/* So that there is time to ask. */
static void take_a_while(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    usleep(20 * MILLISECOND);
}

/* The mark is filled by libc, which orders nothing. */
CASE(exiting_is_asked_while_exit_begins)
{
    static struct fini_hook hook = FINI_HOOK_INIT(take_a_while, NULL, FINI_ON_EXIT);
    require_eq(fini_add(&hook), FINI_OK);
    start(ask_for_ever, NULL);
    wait_for(&asked);
}
