/* SPDX-License-Identifier: MIT
 *
 * trace_program.c - see trace_program.h.
 */
#include "trace_program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "command.h"
#include "with_agent.h"

static volatile pid_t child;
static volatile sig_atomic_t stopped_along;
static struct sigaction signals_before[NSIG];

/* The terminal sends its own to all processes that are in front, so that the program has them. */
static bool is_of_terminal(const siginfo_t *info)
{
    int number = info->si_signo;
    return info->si_code == SI_KERNEL && (number == SIGINT || number == SIGQUIT ||
                                          number == SIGHUP || number == SIGWINCH);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (child <= 0 || info->si_pid == getpid() || is_of_terminal(info))
        return;
    if (info->si_code == SI_QUEUE)
        sigqueue(child, number, info->si_value);
    else
        kill(child, number);
}

static void ends_sleep(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
}

static void continues(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (stopped_along && child > 0)
        kill(child, number);
    stopped_along = 0;
}

/* What is left to the system: our own mistakes, and to be stopped. */
static bool is_ours(int number)
{
    static const int ours[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGXCPU,
                               SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (number == ours[i])
            return true;
    return false;
}

static void set_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
        if (number == SIGPIPE || number == SIGXFSZ)
            action = (struct sigaction){.sa_handler = SIG_IGN};
        else if (number == SIGCHLD)
            action.sa_sigaction = ends_sleep;
        else if (number == SIGCONT)
            action.sa_sigaction = continues;
        sigaction(number, is_ours(number) ? NULL : &action, &signals_before[number]);
    }
}

static void restore_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &signals_before[number], NULL);
}

/* A shell waits for us, and is to see that the program stops. It is looked at twice: of a job that
 * is continued one process comes first. */
void program_stop_along(void)
{
    static bool stood;
    siginfo_t info = {.si_pid = 0};
    waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG | WNOWAIT);
    bool stands = info.si_pid == child;
    if (stands && stood) {
        waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG);
        stopped_along = 1;
        raise(info.si_status);
    }
    stood = stands && !stood;
}

static int become(char **command, int ring)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getppid(), ring);
    if (setenv(AGENT_TRACE, path, 1) != 0 || !with_agent_environment(true, true))
        return STATUS_ERROR;
    return with_agent_become(command);
}

/* The program has signals as we had them. None is lost meanwhile: from the first moment on they are
 * the program's. */
pid_t program_start(char **command, int ring)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    set_signals();
    child = fork();
    if (child == 0)
        restore_signals();
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (child == 0)
        _exit(become(command, ring));
    return child;
}

bool program_has_ended(int *ret)
{
    pid_t ended = waitpid(child, ret, WNOHANG);
    bool has = ended == child || (ended < 0 && errno != EINTR);
    if (has)
        child = 0;
    return has;
}

/* As the program has died; without a core file, which would be of us. */
int program_die_of(int number)
{
    static const struct rlimit none = {0, 0};
    sigset_t only;
    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    fflush(NULL);
    raise(number);
    return 128 + number;
}
