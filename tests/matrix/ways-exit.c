/* SPDX-License-Identifier: MIT
 *
 * ways-exit.c - the ways out by which the process ends, and that need no loader.
 *
 * Leaves to others: those with dlopen and dlclose (ways-loader.c), what is right (matrix.c).
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "host.h"

static void by_return(void)
{
}

static void by_return_while_inside(void)
{
    spin_in_image();
}

static void by_exit(void)
{
    exit(0);
}

static void *exit_in_thread(void *arg)
{
    (void)arg;
    exit(0);
}

static void by_exit_in_thread(void)
{
    spin_in_image();
    start_thread(exit_in_thread);
    for (;;)
        pause();
}

static void exit_in_handler(int number)
{
    (void)number;
    exit(0);
}

static void by_exit_in_signal(void)
{
    signal(SIGUSR1, exit_in_handler);
    raise(SIGUSR1);
}

static void by_exit_in_interrupt(void)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 2000}};
    signal(SIGALRM, exit_in_handler);
    setitimer(ITIMER_REAL, &soon, NULL);
    image.api->spin();
}

static void by_own_exit(void)
{
    image.api->leave();
}

/* The constructor has left already. */
static void by_exit_in_own_constructor(void)
{
    line("the constructor came back");
}

static void by_pthread_exit(void)
{
    pthread_exit(NULL);
}

static pthread_t main_thread;

static void *end_last(void *arg)
{
    (void)arg;
    pthread_join(main_thread, NULL);
    return NULL;
}

static void by_last_pthread_exit(void)
{
    main_thread = pthread_self();
    start_thread(end_last);
    pthread_exit(NULL);
}

static void wait_for(pid_t child)
{
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0)
        line("child: status %x", (unsigned)status);
}

static void by_exit_in_child(void)
{
    pid_t child = fork();
    if (child == 0)
        exit(0);
    wait_for(child);
}

static void by_exit_after_vfork(void)
{
    char *const none[] = {NULL};
    pid_t child = vfork();
    if (child == 0) {
        execle("/bin/true", "true", (char *)NULL, none);
        _exit(1);
    }
    wait_for(child);
}

static void by_quick_exit(void)
{
    quick_exit(0);
}

static void by__exit(void)
{
    _exit(0);
}

static void by_abort(void)
{
    abort();
}

static void by_signal(void)
{
    raise(SIGTERM);
}

/* Runs of a race differ in their process number. */
void shift(void)
{
    usleep(100 + (unsigned)getpid() % 32 * 8);
}

static void *exit_soon(void *arg)
{
    shift();
    return exit_in_thread(arg);
}

static void by_two_exits(void)
{
    start_thread(exit_soon);
    usleep(200);
    exit(0);
}

const struct way_out ways_by_exit[] = {
    {"return", by_return, NULL},
    {"return-while-inside", by_return_while_inside, NULL},
    {"exit", by_exit, NULL},
    {"exit-thread", by_exit_in_thread, NULL},
    {"exit-signal", by_exit_in_signal, NULL},
    {"exit-interrupt", by_exit_in_interrupt, NULL},
    {"exit-own-function", by_own_exit, NULL},
    {"exit-own-constructor", by_exit_in_own_constructor, NULL},
    {"pthread-exit", by_pthread_exit, NULL},
    {"pthread-exit-last", by_last_pthread_exit, NULL},
    {"exit-forked", by_exit_in_child, NULL},
    {"exit-vforked", by_exit_after_vfork, NULL},
    {"quick-exit", by_quick_exit, NULL},
    {"_exit", by__exit, NULL},
    {"abort", by_abort, NULL},
    {"fatal-signal", by_signal, NULL},
    {"two-exits", by_two_exits, NULL},
    {NULL, NULL, NULL},
};
