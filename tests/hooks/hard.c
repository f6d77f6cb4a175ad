/* SPDX-License-Identifier: MIT
 *
 * Moments that are hard for a finalizer: exit() from a handler that interrupted malloc, a child
 * forked while another thread was inside libfini or in exit(), a thread cancelled in dlclose.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fini.h"
#include "children.h"
#include "harness.h"

static void *open_plugin(int slow)
{
    char path[PATH_MAX];
    void *plugin = dlopen(harness_path(path, "hard-plugin.so"), RTLD_NOW);
    require(plugin != NULL);
    void (*start)(int) = (void (*)(int))(size_t)dlsym(plugin, "hard_start");
    start(slow);
    return plugin;
}

static void start_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, run, arg), 0);
}

/* ---- exit() where malloc stood --------------------------------------------------------------- */

static void *rest(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void leave(int number)
{
    (void)number;
    exit(7);
}

/* A second thread, because malloc takes its locks only then. */
static void be_interrupted_in_malloc(unsigned after)
{
    void *block[64];
    open_plugin(0);
    start_thread(rest, NULL);
    signal(SIGALRM, leave);
    ualarm(10000 + after * 97, 0);
    for (;;) {
        for (size_t n = 0; n < 64; n++)
            block[n] = malloc(1500 + n * 37);
        for (size_t n = 0; n < 64; n++)
            free(block[n]);
    }
}

CASE(exit_where_a_signal_interrupted_malloc, .timeout = 30, .expect = "20 times\n")
{
    for (unsigned run = 0; run < 20; run++) {
        pid_t child = fork();
        if (child == 0) {
            close(STDOUT_FILENO);
            be_interrupted_in_malloc(run);
        }
        int status = wait_for_child(child);
        require(WIFEXITED(status));
        require_eq(WEXITSTATUS(status), 7);
    }
    say("20 times");
}

/* ---- a child of a process whose other thread is inside --------------------------------------- */

static void nothing(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
}

static struct fini_hook busy_hook = FINI_HOOK_INIT(nothing, NULL, FINI_ALWAYS);

static void *add_and_remove(void *arg)
{
    for (;;) {
        fini_add(&busy_hook);
        fini_remove(&busy_hook);
    }
    return arg;
}

static void remove_in_child(struct fini_hook *hook)
{
    alarm(5);
    if (fini_remove(hook) != FINI_OK)
        _exit(9);
    memset(hook, 0xee, sizeof *hook);
    fini_remove(&busy_hook);
    exit(0);
}

CASE(fork_while_another_thread_adds, .timeout = 60)
{
    struct fini_hook *hook = malloc(sizeof *hook);
    *hook = (struct fini_hook)FINI_HOOK_INIT(nothing, NULL, FINI_ALWAYS);
    require_eq(fini_add(hook), FINI_OK);
    start_thread(add_and_remove, NULL);
    for (int run = 0; run < 3000; run++) {
        pid_t child = fork();
        if (child == 0)
            remove_in_child(hook);
        require_eq(wait_for_child(child), 0);
    }
    free(fini_remove(hook) == FINI_OK ? hook : NULL);
}

/* ---- a child of a process that exits --------------------------------------------------------- */

static struct {
    void *plugin;
    int pipe[2];
} parent;

static void *fork_and_close(void *arg)
{
    const struct timespec until_exit = {.tv_nsec = 200000000};
    nanosleep(&until_exit, NULL);
    pid_t child = fork();
    if (child == 0) {
        dlclose(parent.plugin);
        say("child went on");
        _exit(0);
    }
    wait_for_child(child);
    if (write(parent.pipe[1], "", 1) != 1)
        _exit(1);
    return arg;
}


static void exit_slowly(void)
{
    char byte;
    require_eq(read(parent.pipe[0], &byte, 1), 1);
}

/* exit() stands in a handler when the other thread forks: the mark is passed, the child does not
 * exit. */
CASE(child_of_a_process_that_exits, .ends = true, .timeout = 20,
     .expect = WHERE_UNLOADED("hook unload\nchild went on\nhook exit\n",
                              "hook exit\nchild went on\n"))
{
    require_eq(pipe(parent.pipe), 0);
    require_eq(atexit(exit_slowly), 0);
    parent.plugin = open_plugin(0);
    start_thread(fork_and_close, NULL);
    exit(0);
}

/* The same while exit() is inside an early hook, which the child's dlclose must not wait for. */
CASE(child_of_a_process_in_an_early_hook, .ends = true, .timeout = 20,
     .expect = WHERE_UNLOADED("hook unload\n", "") "child went on\nhook exit\n")
{
    require_eq(pipe(parent.pipe), 0);
    parent.plugin = open_plugin(1);
    start_thread(fork_and_close, NULL);
    exit(0);
}

/* ---- cancellation ---------------------------------------------------------------------------- */

static void *close_when_cancelled(void *plugin)
{
    pthread_cancel(pthread_self());
    dlclose(plugin);
    return NULL;
}

/* A thread that is cancelled inside the loader would leave its lock behind. */
CASE(cancelled_thread_unloads, .unloads = true, .expect = "hook unload\nhook unload\n")
{
    pthread_t thread;
    void *plugin = open_plugin(0);
    require_eq(pthread_create(&thread, NULL, close_when_cancelled, plugin), 0);
    require_eq(pthread_join(thread, NULL), 0);
    dlclose(open_plugin(0));
}
