/* SPDX-License-Identifier: MIT
 *
 * exit.c - which ends of a process run a library's finalizer, and what it finds alive then.
 */
#include <signal.h>
#include <stdlib.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin;

static void load_plugin(void (*at_end)(struct face *))
{
    plugin = load("plugin");
    plugin.face->on_finalizer = at_end;
}

/* ---- ends ---------------------------------------------------------------------------------- */

static void ask_return(const char *about)
{
    (void)about;
    load_plugin(say_yes);
}

static void ask_startup(const char *about)
{
    (void)about;
    start_face()->on_finalizer = say_yes;
}

#ifdef __GNUC__
static int program_speaks;

__attribute__((destructor)) static void end_of_program(void)
{
    if (program_speaks)
        say("yes");
}

static void ask_program(const char *about)
{
    (void)about;
    program_speaks = 1;
}
#else
#define ask_program NULL
#endif

static void leave(void *unused)
{
    (void)unused;
    exit(0);
}

static void ask_thread(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    sys_join(start(leave, NULL));
}

static void leave_on_signal(int number)
{
    (void)number;
    exit(0);
}

static void ask_signal(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    signal(SIGINT, leave_on_signal);
    raise(SIGINT);
}

static void leave_here(void)
{
    exit(0);
}

static void fall_silent(struct face *face)
{
    face->on_finalizer = NULL;
}

static void ask_fork(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    sys_fork(leave_here);
    fall_silent(plugin.face);
}

static void outlive_main(void *unused)
{
    (void)unused;
    sys_sleep(MOMENT);
}

static void ask_last_thread(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    start(outlive_main, NULL);
    sys_thread_end();
}

static void ask_quit(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    _Exit(0);
}

static void ask_quick(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    sys_quick_exit();
}

static void ask_abort(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    abort();
}

static void ask_kill(const char *about)
{
    (void)about;
    load_plugin(say_yes);
    sys_kill_self();
}

/* ---- what is alive ------------------------------------------------------------------------- */

static struct sys_event ping, pong;

static void answer_ping(void *unused)
{
    (void)unused;
    if (sys_wait(&ping, FOREVER * 2))
        sys_set(&pong);
}

static void say_alive(void)
{
    sys_set(&ping);
    say_if(sys_wait(&pong, FOREVER), "yes", "no");
}

static void say_alive_of(struct face *face)
{
    (void)face;
    say_alive();
}

static void ask_alive_in_handler(const char *about)
{
    (void)about;
    start(answer_ping, NULL);
    atexit(say_alive);
}

static void ask_alive_in_finalizer(const char *about)
{
    (void)about;
    load_plugin(say_alive_of);
    start(answer_ping, NULL);
}

static void nothing(void)
{
}

static void say_whether_threads_start(struct face *face)
{
    (void)face;
    say_if(within_moment(nothing), "yes", "no");
}

static void ask_new_thread(const char *about)
{
    (void)about;
    load_plugin(say_whether_threads_start);
}

static struct loaded top;

static void say_mapped(struct face *face)
{
    (void)face;
    say_fate(top.code);
}

/* plugin is finalized after top, which depends on it. */
static void ask_mapped(const char *about)
{
    (void)about;
    load_plugin(say_mapped);
    top = load("top");
    top.face->on_finalizer = count_end;
}

static void say_whether_opens(struct face *face)
{
    (void)face;
    say_if(sys_open("other", SYS_PLAIN) != NULL, "yes", "no");
}

static void open_in_handler(void)
{
    say_whether_opens(NULL);
}

static void ask_open_in_finalizer(const char *about)
{
    (void)about;
    load_plugin(say_whether_opens);
}

static void ask_open_in_handler(const char *about)
{
    (void)about;
    atexit(open_in_handler);
}

static void say_begin(struct face *face)
{
    face->on_finalizer = say_yes;
}

static void open_speaking(struct face *face)
{
    (void)face;
    on_load(say_begin);
    if (sys_open("other", SYS_PLAIN) == NULL)
        not_here();
}

static void ask_finalized_when_opened_then(const char *about)
{
    (void)about;
    load_plugin(open_speaking);
}

/* ---- what a finalizer itself may do -------------------------------------------------------- */

static void say_handler(struct face *face)
{
    (void)face;
    say("handler");
}

static void register_handler(struct face *face)
{
    face->on_handler = say_handler;
    say_if(face->register_handler() == 0, "registered", "refused");
}

static void ask_register(const char *about)
{
    (void)about;
    load_plugin(register_handler);
}

static void in_child(void)
{
    say("child");
}

static void call_fork(struct face *face)
{
    (void)face;
    sys_fork(in_child);
    say("parent");
}

static void ask_call_fork(const char *about)
{
    (void)about;
    load_plugin(call_fork);
}

static void nap(void *unused)
{
    (void)unused;
    sys_sleep(FOREVER);
}

static void ask_register_beside(const char *about)
{
    start(nap, NULL);
    ask_register(about);
}

static void ask_call_fork_beside(const char *about)
{
    start(nap, NULL);
    ask_call_fork(about);
}

static const struct question questions[] = {
    {.id = "exit.return", .ask = ask_return,
     .text = "main returns: is a loaded library finalized?"},
    {.id = "exit.startup", .ask = ask_startup,
     .text = "main returns: is a start-up library finalized?"},
    {.id = "exit.program", .ask = ask_program,
     .text = "main returns: does the program's own destructor run?"},
    {.id = "exit.thread", .ask = ask_thread, .text = "exit in another thread: finalized?"},
    {.id = "exit.signal", .ask = ask_signal, .text = "exit in a signal handler: finalized?"},
    {.id = "exit.fork", .ask = ask_fork, .text = "exit in a forked child: finalized there?"},
    {.id = "exit.last-thread", .ask = ask_last_thread,
     .text = "main's thread ends alone, the last thread later: finalized?"},
    {.id = "exit.quit", .ask = ask_quit, .text = "_Exit, or _exit: finalized?"},
    {.id = "exit.quick", .ask = ask_quick, .text = "quick_exit: finalized?"},
    {.id = "exit.abort", .ask = ask_abort, .dies = 1, .text = "abort: finalized?"},
    {.id = "exit.kill", .ask = ask_kill, .dies = 1,
     .text = "killed, or TerminateProcess: finalized?"},
    {.id = "exit.alive-in-handler", .ask = ask_alive_in_handler,
     .text = "do other threads run during an exit handler of the program?"},
    {.id = "exit.alive-in-finalizer", .ask = ask_alive_in_finalizer,
     .text = "do other threads run during a finalizer at exit?"},
    {.id = "exit.new-thread", .ask = ask_new_thread,
     .text = "can a finalizer at exit start a thread that runs?"},
    {.id = "exit.mapped", .ask = ask_mapped,
     .text = "has a library gone after its finalizer at exit?"},
    {.id = "exit.open-in-handler", .ask = ask_open_in_handler,
     .text = "can an exit handler load a library?"},
    {.id = "exit.open-in-finalizer", .ask = ask_open_in_finalizer,
     .text = "can a finalizer at exit load a library?"},
    {.id = "exit.finalized-late", .ask = ask_finalized_when_opened_then,
     .text = "is a library that a finalizer at exit loads finalized too?"},
    {.id = "exit.register", .ask = ask_register,
     .text = "a finalizer at exit registers an exit handler: is that run?"},
    {.id = "exit.register-threads", .ask = ask_register_beside,
     .text = "the same, where the process has another thread"},
    {.id = "exit.call-fork", .ask = ask_call_fork, .text = "a finalizer at exit forks"},
    {.id = "exit.call-fork-threads", .ask = ask_call_fork_beside,
     .text = "the same, where the process has another thread"},
    {0},
};

const struct theme theme_exit = {"exit: which ends finalize, and what is alive then", questions};
