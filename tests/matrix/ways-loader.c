/* SPDX-License-Identifier: MIT
 *
 * ways-loader.c - the ways out that need the loader: dlclose from wherever it can be called, and
 * exit() from inside dlopen and dlclose.
 *
 * Leaves to others: the other ways to exit (ways-exit.c), what is right (matrix.c).
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>

#include "host.h"

/* ---- what caller.so and early.so call -------------------------------------------------------- */

static void do_nothing(void)
{
}

static void (*in_constructor)(void) = do_nothing;
static void (*in_finalizer)(void) = do_nothing;
static void (*in_startup_finalizer)(void) = do_nothing;

void host_in_constructor(void);
void host_in_finalizer(void);
void host_in_startup_finalizer(void);

void host_in_constructor(void)
{
    in_constructor();
}

void host_in_finalizer(void)
{
    in_finalizer();
}

void host_in_startup_finalizer(void)
{
    in_startup_finalizer();
}

static void *open_caller(void)
{
    void *caller;
    char path[PATH_MAX];
    strcpy(path, (const char *)getauxval(AT_EXECFN));
    strcpy(strrchr(path, '/') + 1, "caller.so");
    caller = dlopen(path, RTLD_NOW);
    if (!caller)
        line("dlerror: %s", dlerror());
    return caller;
}

/* ---- at once --------------------------------------------------------------------------------- */

static void *close_run(void *arg)
{
    close_image();
    return arg;
}

static void close_in_thread(void)
{
    run_in_thread(close_run);
}

static void close_in_constructor(void)
{
    in_constructor = close_image;
    open_caller();
}

static void close_in_finalizer(void)
{
    in_finalizer = close_image;
    dlclose(open_caller());
}

static void *hold_run(void *arg)
{
    image.api->hold_by_thread();
    close_image();
    line("closed: mapped %d", is_mapped());
    return arg;
}

static void close_held_then_sweep(void)
{
    run_in_thread(hold_run);
    sweep();
}

/* ---- in an exit handler ---------------------------------------------------------------------- */

static void close_handler(void)
{
    close_image();
    line("closed: mapped %d", is_mapped());
}

static void add_close(void)
{
    atexit(close_handler);
}

static void close_on_exit_handler(int status, void *arg)
{
    (void)status;
    (void)arg;
    close_handler();
}

/* Not every libc has it. */
extern int on_exit(void (*handler)(int status, void *arg), void *arg) __attribute__((weak));

/* Unlike those of atexit, such handlers are not run with the program's own finalizers, but keep
 * their place: after the loader's, if they are older. */
static void add_close_on_exit(void)
{
    if (!on_exit || on_exit(close_on_exit_handler, NULL) != 0)
        line("no on_exit");
}

static void close_in_thread_handler(void)
{
    close_in_thread();
    line("closed: mapped %d", is_mapped());
}

static void add_close_in_thread(void)
{
    atexit(close_in_thread_handler);
}

static void add_close_in_finalizer(void)
{
    atexit(close_in_finalizer);
}

static void add_close_held_then_sweep(void)
{
    atexit(close_held_then_sweep);
}

/* ---- in a finalizer at exit ------------------------------------------------------------------ */

static void open_closer(void)
{
    in_finalizer = close_image;
    open_caller();
}

static void close_in_startup_finalizer(void)
{
    in_startup_finalizer = close_image;
}

static void close_in_startup_finalizer_while_inside(void)
{
    in_startup_finalizer = close_image;
    spin_in_image();
}

/* ---- exit from inside the loader ------------------------------------------------------------- */

static void exit_now(void)
{
    exit(0);
}

static void exit_in_constructor(void)
{
    in_constructor = exit_now;
    open_caller();
}

static void exit_in_finalizer(void)
{
    in_finalizer = exit_now;
    dlclose(open_caller());
}

static void exit_in_hook(void)
{
    image.api->leave_in_hook();
    close_image();
}

/* ---- in a forked child ----------------------------------------------------------------------- */

static void close_in_child(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        close_image();
        exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        line("child: status %x", (unsigned)status);
}

/* ---- while another thread exits -------------------------------------------------------------- */

static void *close_soon(void *arg)
{
    shift();
    close_image();
    line("closed: mapped %d", is_mapped());
    return arg;
}

static void close_while_exit(void)
{
    start_thread(close_soon);
    usleep(200);
    exit(0);
}

const struct way_out ways_by_loader[] = {
    {"dlclose", close_image, NULL},
    {"dlclose-thread", close_in_thread, NULL},
    {"dlclose-constructor", close_in_constructor, NULL},
    {"dlclose-finalizer", close_in_finalizer, NULL},
    {"failing-dlopen", close_held_then_sweep, NULL},
    {"dlclose-older-atexit", do_nothing, add_close},
    {"dlclose-older-on-exit", do_nothing, add_close_on_exit},
    {"dlclose-newer-atexit", add_close, NULL},
    {"dlclose-thread-older-atexit", do_nothing, add_close_in_thread},
    {"dlclose-finalizer-atexit", add_close_in_finalizer, NULL},
    {"failing-dlopen-atexit", add_close_held_then_sweep, NULL},
    {"dlclose-older-finalizer", do_nothing, open_closer},
    {"dlclose-newer-finalizer", open_closer, NULL},
    {"dlclose-startup-finalizer", close_in_startup_finalizer, NULL},
    {"dlclose-finalizer-while-inside", close_in_startup_finalizer_while_inside, NULL},
    {"exit-constructor", exit_in_constructor, NULL},
    {"exit-finalizer", exit_in_finalizer, NULL},
    {"exit-hook", exit_in_hook, NULL},
    {"dlclose-forked", close_in_child, NULL},
    {"dlclose-while-exit", close_while_exit, NULL},
    {NULL, NULL, NULL},
};
