/* SPDX-License-Identifier: MIT
 *
 * Workers of a plugin on the real loader: at unload, at exit, in a forked child; in which order,
 * with which signals and which name, and what the calls answer.
 *
 * Leaves to others: what waits for the loader (deadlocks.c), many at once (stress.c), states
 * (tests/unit).
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "host.h"
#include "libc.h"
#include "steps.h"

static struct image other;

static void open_plugin(void)
{
    open_image(&image, "workers-plugin.so");
}

static void until_stopped(int n)
{
    require(!image.p->stopping(n));
    begun++; /* from now on it may be stopped */
    require_eq(image.p->wait(n, -1), FINI_OK);
    require(image.p->stopping(n));
    take_a_while();
    say("stopped");
}

/* ---- unload ---------------------------------------------------------------------------------- */

CASE(an_unload_stops_a_worker_and_waits_for_it, .unloads = true, .expect = "stopped\n")
{
    open_plugin();
    start(0, until_stopped);
    close_image(&image);
}

static void for_a_while(int n)
{
    (void)n;
    begun++;
    take_a_while();
}

CASE(a_naive_thread_runs_on_in_unmapped_code, .unloads = true, .signal = SIGSEGV, .ends = true)
{
    open_image(&image, "workers-naive.so");
    start(0, for_a_while);
    close_image(&image);
    sleep(2);
}

static void close_it(void *unused)
{
    (void)unused;
    close_image(&image);
}

CASE(unloaded_by_another_thread, .unloads = true, .expect = "stopped\n")
{
    open_plugin();
    start(0, until_stopped);
    in_thread(close_it, NULL);
}

/* Its worker runs on in both halves of each swap. */
CASE(reloaded, .unloads = true, .expect = "stopped\nstopped\nstopped\n")
{
    for (int n = 0; n < 3; n++) {
        open_plugin();
        start(0, until_stopped);
        close_image(&image);
    }
}

CASE(one_that_is_over_already)
{
    open_plugin();
    start(0, for_a_while);
    take_a_while();
    close_image(&image);
}

static void say_zero(int n)
{
    until_stopped(n);
    say("worker %d", n);
}

CASE(hooks_values_and_workers_newest_first, .unloads = true,
     .expect = "c: unload\nstopped\nworker 1\nb: unload\nstopped\nworker 0\na: unload\n")
{
    open_plugin();
    require_eq(image.p->add_hook("a"), FINI_OK);
    start(0, say_zero);
    require_eq(image.p->init(0), FINI_OK);
    require_eq(image.p->set(0, "b"), FINI_OK);
    start(1, say_zero);
    require_eq(image.p->init(1), FINI_OK);
    require_eq(image.p->set(1, "c"), FINI_OK);
    close_image(&image);
}

static void set_value(int n)
{
    require_eq(image.p->set(0, "value"), FINI_OK);
    until_stopped(n);
}

CASE(a_worker_has_values, .expect = "stopped\nvalue: thread exit\n")
{
    open_plugin();
    require_eq(image.p->init(0), FINI_OK);
    start(0, set_value);
    require_eq(image.p->stop(0), FINI_OK);
    close_image(&image);
}

static void take_a_while_to_end(void *value)
{
    take_a_while();
    say("%s", (const char *)value);
}

static void leave_a_value(int n)
{
    pthread_key_t key;
    require_eq(pthread_key_create(&key, take_a_while_to_end), 0);
    require_eq(pthread_setspecific(key, "ended"), 0);
    until_stopped(n);
}

/* It is waited for to its end, not only until it has left the plugin. */
CASE(a_worker_that_ends_slowly, .unloads = true, .expect = "stopped\nended\nclosed\n")
{
    open_plugin();
    start(0, leave_a_value);
    close_image(&image);
    say("closed");
}

static void start_another(int n)
{
    require_eq(image.p->start(1, for_a_while), FINI_OK);
    until_stopped(n);
    say("%s", image.p->start(2, for_a_while) == FINI_EFINALIZING ? "too late" : "started");
}

CASE(started_by_a_worker, .unloads = true, .expect = "stopped\ntoo late\n")
{
    open_plugin();
    start(0, start_another);
    close_image(&image);
}

static void start_from_hook(void *value, fini_reason why)
{
    say_value(value, why);
    start(0, until_stopped);
}

CASE(started_by_a_hook_it_is_stopped_next, .unloads = true, .expect = "hook: unload\nstopped\n")
{
    open_plugin();
    report = start_from_hook;
    require_eq(image.p->add_hook("hook"), FINI_OK);
    close_image(&image);
}

/* ---- exit ------------------------------------------------------------------------------------ */

static atomic_bool at_exit;

static void busy_at_exit(int n)
{
    begun++;
    while (!at_exit)
        usleep(1000);
    if (image.p->wait(n, 0) != FINI_ETIMEDOUT || image.p->stopping(n))
        say("asked to stop");
    while (true)
        image.p->wait(n, 1000);
}

static void let_it_look(void *value, fini_reason why)
{
    at_exit = true;
    take_a_while();
    say_value(value, why);
}

CASE(left_alone_at_exit, .after = "hook: exit\n")
{
    open_plugin();
    report = let_it_look;
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, busy_at_exit);
}

CASE(left_alone_at_a_clean_exit, .after = "hook: exit\n")
{
    setenv("FINI_CLEAN_EXIT", "1", 1);
    open_plugin();
    report = let_it_look;
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, busy_at_exit);
}

static void exit_in_worker(int n)
{
    (void)n;
    exit(0);
}

CASE(exit_called_by_a_worker, .ends = true, .expect = "hook: exit\n")
{
    open_plugin();
    require_eq(image.p->add_hook("hook"), FINI_OK);
    require_eq(image.p->start(0, exit_in_worker), FINI_OK);
    pause();
}

static void close_at_exit(void)
{
    close_image(&image);
}

CASE(an_unload_at_exit_stops_it, .unloads = true, .after = "stopped\nhook: unload at exit\n")
{
    open_plugin();
    require_eq(atexit(close_at_exit), 0);
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, until_stopped);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void stop_in_child(void *unused)
{
    (void)unused;
    require_eq(image.p->wait(0, -1), FINI_ENOENT);
    require_eq(image.p->stop(0), FINI_OK);
    require_eq(image.p->stop(0), FINI_ENOENT);
    close_image(&image);
}

static void start_in_child(void *unused)
{
    (void)unused;
    start(0, until_stopped);
    require_eq(image.p->start(0, until_stopped), FINI_EBUSY);
    stop_where_it_stays(0);
    close_image(&image);
}

static void unload_in_child(void *unused)
{
    (void)unused;
    close_image(&image);
}

CASE(a_child_has_no_workers, .expect = "stopped\nstopped\n")
{
    open_plugin();
    start(0, until_stopped);
    in_sound_child(unload_in_child, NULL);
    in_sound_child(stop_in_child, NULL);
    in_sound_child(start_in_child, NULL);
    stop_where_it_stays(0);
    close_image(&image);
}

static void in_child_of_worker(void *unused)
{
    (void)unused;
    require_eq(image.p->wait(0, -1), FINI_ENOENT);
    require(!image.p->stopping(0));
    require_eq(image.p->stop(0), FINI_OK);
}

static void fork_in_worker(int n)
{
    in_sound_child(in_child_of_worker, NULL);
    until_stopped(n);
}

CASE(a_worker_forks, .expect = "stopped\n")
{
    open_plugin();
    start(0, fork_in_worker);
    stop_where_it_stays(0);
    close_image(&image);
}

/* ---- what the calls answer ------------------------------------------------------------------- */

CASE(misuse)
{
    open_plugin();
    require_eq(image.p->start(-1, until_stopped), FINI_EINVAL);
    require_eq(image.p->start(0, NULL), FINI_EINVAL);
    require_eq(image.p->stop(-1), FINI_EINVAL);
    require_eq(image.p->wait(-1, 0), FINI_EINVAL);
    require(!image.p->stopping(-1));
    require_eq(image.p->stop(0), FINI_ENOENT);
    require_eq(image.p->wait(0, -1), FINI_ENOENT);
    require(!image.p->stopping(0));
    close_image(&image);
}

CASE(stopped_and_started_again, .expect = "stopped\nstopped\n")
{
    open_plugin();
    for (int n = 0; n < 2; n++) {
        start(0, until_stopped);
        require_eq(image.p->start(0, until_stopped), FINI_EBUSY);
        errno = ERANGE;
        require_eq(image.p->stop(0), FINI_OK);
        require_eq(errno, ERANGE);
        require_eq(image.p->stop(0), FINI_ENOENT);
    }
    close_image(&image);
}

CASE(one_that_is_over_has_still_to_be_stopped)
{
    open_plugin();
    start(0, for_a_while);
    take_a_while();
    take_a_while();
    require_eq(image.p->start(0, for_a_while), FINI_EBUSY);
    require_eq(image.p->stop(0), FINI_OK);
    start(0, for_a_while);
    require_eq(image.p->stop(0), FINI_OK);
    close_image(&image);
}

static void stop_itself(int n)
{
    require_eq(image.p->stop(n), FINI_EDEADLK);
    require(!image.p->stopping(n));
    until_stopped(n);
}

CASE(a_worker_cannot_stop_itself, .expect = "stopped\n")
{
    open_plugin();
    start(0, stop_itself);
    require_eq(image.p->stop(0), FINI_OK);
    close_image(&image);
}

static void stop_it(void *unused)
{
    (void)unused;
    int error = image.p->stop(0);
    require(error == FINI_OK || error == FINI_ENOENT);
    require_eq(image.p->wait(0, 0), FINI_ENOENT);
}

CASE(stopped_by_two_threads, .expect = "stopped\n")
{
    struct guest guest = {.first = stop_it};
    open_plugin();
    start(0, until_stopped);
    guest_starts(&guest);
    stop_it(NULL);
    guest_ends(&guest);
    close_image(&image);
}

static void wait_a_little(int n)
{
    errno = ERANGE;
    require_eq(image.p->wait(n, 0), FINI_ETIMEDOUT);
    require_eq(image.p->wait(n, 1000000), FINI_ETIMEDOUT);
    require_eq(errno, ERANGE);
    until_stopped(n);
}

CASE(waits_with_a_timeout, .expect = "stopped\n")
{
    open_plugin();
    start(0, wait_a_little);
    stop_where_it_stays(0);
    close_image(&image);
}

static void end_by_pthread_exit(int n)
{
    (void)n;
    begun++;
    pthread_exit(NULL);
}

/* Which it should not; but outside of an unload it is waited for all the same. */
CASE(one_that_ends_by_pthread_exit)
{
    open_plugin();
    start(0, end_by_pthread_exit);
    require_eq(image.p->stop(0), FINI_OK);
    close_image(&image);
}

CASE(no_thread_can_be_made, .expect = "stopped\n")
{
    struct rlimit space, none = {0, 0};
    open_plugin();
    require_eq(getrlimit(RLIMIT_AS, &space), 0);
    none.rlim_max = space.rlim_max;
    require_eq(image.p->start(0, for_a_while), FINI_OK); /* what it needs once, it has */
    require_eq(image.p->stop(0), FINI_OK);
    start(1, until_stopped); /* it keeps the stack that was free again */
    require_eq(setrlimit(RLIMIT_AS, &none), 0);
    require_eq(image.p->start(0, for_a_while), FINI_EAGAIN);
    require_eq(setrlimit(RLIMIT_AS, &space), 0);
    require_eq(image.p->stop(0), FINI_ENOENT);
    stop_where_it_stays(1);
    close_image(&image);
}

#ifdef LM_ID_NEWLM
CASE(in_a_namespace_of_dlmopen, .expect = "stopped\n")
{
    harness_path(image.path, "workers-plugin.so");
    image.handle = dlmopen(LM_ID_NEWLM, image.path, RTLD_NOW | RTLD_LOCAL);
    require(image.handle != NULL);
    image.p = dlsym(image.handle, "plugin");
    if (glibc_is_before(34)) {
        require_eq(image.p->start(0, until_stopped), FINI_ENOTSUP);
        skip("the namespace has no libpthread, in which threads are before glibc 2.34");
    }
    start(0, until_stopped);
    close_image(&image);
}
#endif

/* ---- signals and name ------------------------------------------------------------------------ */

static void look_at_signals(int n)
{
    sigset_t blocked;
    static const int kept[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    static const int shut[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE};
    (void)n;
    require_eq(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        require(!sigismember(&blocked, kept[i]));
    for (size_t i = 0; i < sizeof shut / sizeof *shut; i++)
        require(sigismember(&blocked, shut[i]));
    require(sigismember(&blocked, SIGRTMIN));
    begun++;
}

CASE(signals_are_blocked_in_it_alone)
{
    sigset_t before, after; /* the kernel's part may be smaller */
    memset(&before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    require_eq(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
    open_plugin();
    start(0, look_at_signals);
    require_eq(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
    require_eq(memcmp(&before, &after, sizeof before), 0);
    close_image(&image);
}

static void say_name(int n)
{
    char name[16];
    (void)n;
    require_eq(prctl(PR_GET_NAME, name), 0);
    say("called %s", name);
    begun++;
}

CASE(its_name_is_the_librarys, .expect = "called workers-plugin\n")
{
    open_plugin();
    start(0, say_name);
    close_image(&image);
}

/* ---- FINI_TRACE ------------------------------------------------------------------------------ */

static void stop_late(int n)
{
    until_stopped(n);
    usleep(1300000);
}

CASE(the_trace_says_who_is_waited_for, .unloads = true, .slow = true,
     .expect = "stopped\nfini: *workers-plugin.so: waits for its worker, thread *\n"
               "fini: *workers-plugin.so: unload, thread *, hooks run 1\n")
{
    setenv("FINI_TRACE", "1", 1);
    require_eq(dup2(STDOUT_FILENO, STDERR_FILENO), STDERR_FILENO);
    open_plugin();
    start(0, stop_late);
    close_image(&image);
}

/* ---- until the thread has ended -------------------------------------------------------------- */

static atomic_bool may_end;

static void hold_and_work(int n)
{
    require_eq(image.p->hold_for_thread(), FINI_OK);
    begun++;
    while (!may_end)
        usleep(1000);
    require(!image.p->stopping(n));
    take_a_while();
    say("worked to the end");
}

static void wait_until_gone(void)
{
    while (is_mapped(&image))
        usleep(1000);
}

/* The unload comes from libc, in the worker itself: it is not waited for. */
CASE(a_worker_that_holds_the_image, .unloads = true,
     .expect = "closed\nworked to the end\nhook: unload\n")
{
    open_plugin();
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, hold_and_work);
    require_eq(dlclose(image.handle), 0);
    require(is_mapped(&image));
    say("closed");
    may_end = true;
    wait_until_gone();
}

CASE(a_worker_that_holds_the_image_and_one_that_does_not, .unloads = true,
     .expect = "closed\nworked to the end\nstopped\nhook: unload\n")
{
    open_plugin();
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, hold_and_work);
    start(1, until_stopped);
    require_eq(dlclose(image.handle), 0);
    say("closed");
    may_end = true;
    wait_until_gone();
}

static void hold_by_guest(void *unused)
{
    (void)unused;
    require_eq(image.p->hold_for_thread(), FINI_OK);
}

CASE(a_foreign_thread_that_holds_the_image, .unloads = true,
     .expect = "closed\nstopped\nhook: unload\n")
{
    struct guest guest = {.first = hold_by_guest};
    open_plugin();
    require_eq(image.p->add_hook("hook"), FINI_OK);
    start(0, until_stopped);
    guest_starts(&guest);
    require_eq(dlclose(image.handle), 0);
    require(is_mapped(&image));
    say("closed");
    guest_ends(&guest);
    wait_until_gone();
}

static pthread_key_t low_key;

/* When the worker ends libc calls dlclose for the other, which waits for the loader, while the
 * unload holds the loader's lock and waits for the worker. */
static void hold_another(int n)
{
    require_eq(pthread_key_delete(low_key), 0);
    require_eq(other.p->hold_for_thread(), FINI_OK);
    until_stopped(n);
}

/* A key with a low number is free when the one for dlclose is made. */
CASE(a_worker_that_holds_another_image, .unloads = true, .slow = true, .expect = "stopped\n")
{
    require_eq(pthread_key_create(&low_key, NULL), 0);
    open_plugin();
    open_image(&other, "workers-other.so");
    start(0, hold_another);
    require_eq(dlclose(other.handle), 0);
    require(is_mapped(&other));
    close_image(&image);
    while (is_mapped(&other))
        usleep(1000);
}
