/* SPDX-License-Identifier: MIT
 *
 * agent_crash.c - what kills the program is told first, and then kills it.
 *
 * Decides: the agent has a handler only where the program leaves a signal to the system, and the
 * program is not told of it. Afterwards the signal comes once more, by the same instruction or sent
 * again with the same data, to what the system does; so that status and core file are as they would
 * be. Where the stack is at its end the handler cannot run, and the program dies untold.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent_calls.h"
#include "agent_ring.h"

static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
enum { DEADLY_COUNT = sizeof deadly / sizeof *deadly };

static void die_of(int number, siginfo_t *info)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    NEXT(sigaction)(number, &plain, NULL);
    /* Not by an instruction that will do it again. */
    if (info->si_code <= 0)
        syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, info);
}

static void crashed(int number, siginfo_t *info, void *context)
{
    (void)context;
    bool sent = info->si_code <= 0;
    AGENT_ASK(AGENT_CRASH, (uint64_t)number, (uint64_t)info->si_code,
              sent ? 0 : (uintptr_t)info->si_addr, sent ? (uint64_t)info->si_pid : 0);
    die_of(number, info);
}

bool agent_crash_is_own(sighandler_t handler)
{
    return handler == (sighandler_t)(uintptr_t)crashed;
}

void agent_crash_watch(int number)
{
    struct sigaction own = {.sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (int i = 0; i < DEADLY_COUNT; i++)
        if (deadly[i] == number)
            NEXT(sigaction)(number, &own, NULL);
}

void agent_crash_start(void)
{
    struct sigaction now;
    for (int i = 0; i < DEADLY_COUNT; i++)
        if (NEXT(sigaction)(deadly[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            agent_crash_watch(deadly[i]);
}
