/* SPDX-License-Identifier: MIT
 *
 * agent_calls.h - libc's own functions, behind those of the agent that stand before them.
 */
#ifndef COMMAND_AGENT_CALLS_H
#define COMMAND_AGENT_CALLS_H

#include <dlfcn.h>
#include <printf.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>

#include "agent.h"

#define EXPORTED __attribute__((visibility("default")))
#define CALLER ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

/* From the audit library's copy to the preloaded one, before any constructor. Each may be
 * NULL. */
struct agent_leaks;
typedef void agent_connect_fn(struct agent_ring *ring, const char *ring_path,
                              struct agent_leaks *leaks);

/* name, what it returns, what it takes */
#define AGENT_CALLS(X)                                                                            \
    X(__cxa_atexit, int, (void (*)(void *), void *, void *))                                      \
    X(__cxa_at_quick_exit, int, (void (*)(void *), void *))                                       \
    X(__cxa_finalize, void, (void *))                                                             \
    X(__cxa_thread_atexit_impl, int, (void (*)(void *), void *, void *))                          \
    X(__register_atfork, int, (void (*)(void), void (*)(void), void (*)(void), void *))           \
    X(dlclose, int, (void *))                                                                     \
    X(dlmopen, void *, (Lmid_t, const char *, int))                                               \
    X(dlopen, void *, (const char *, int))                                                        \
    X(execve, int, (const char *, char *const *, char *const *))                                  \
    X(execvpe, int, (const char *, char *const *, char *const *))                                 \
    X(exit, void, (int))                                                                          \
    X(fclose, int, (FILE *))                                                                      \
    X(fexecve, int, (int, char *const *, char *const *))                                          \
    X(fopencookie, FILE *, (void *, const char *, cookie_io_functions_t))                         \
    X(on_exit, int, (void (*)(int, void *), void *))                                              \
    X(pthread_create, int, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))      \
    X(pthread_key_create, int, (pthread_key_t *, void (*)(void *)))                               \
    X(pthread_key_delete, int, (pthread_key_t))                                                   \
    X(__sysv_signal, sighandler_t, (int, sighandler_t))                                           \
    X(register_printf_specifier, int, (int, printf_function *, printf_arginfo_size_function *))   \
    X(sigaction, int, (int, const struct sigaction *, struct sigaction *))                        \
    X(signal, sighandler_t, (int, sighandler_t))                                                  \
    X(sigset, sighandler_t, (int, sighandler_t))                                                  \
    X(thrd_create, int, (thrd_t *, thrd_start_t, void *))                                         \
    X(timer_create, int, (clockid_t, struct sigevent *, timer_t *))                               \
    X(timer_delete, int, (timer_t))

enum agent_call {
#define AGENT_CALL_NUMBER(name, returns, takes) AGENT_CALL_##name,
    AGENT_CALLS(AGENT_CALL_NUMBER)
#undef AGENT_CALL_NUMBER
    AGENT_CALL_COUNT
};

#define AGENT_CALL_TYPE(name, returns, takes) typedef returns agent_##name##_fn takes;
AGENT_CALLS(AGENT_CALL_TYPE)
#undef AGENT_CALL_TYPE

/* The function of that name behind the agent's. */
uintptr_t agent_next(enum agent_call call);
#define NEXT(name) ((agent_##name##_fn *)agent_next(AGENT_CALL_##name))

/* Programs that this process becomes are traced, too. */
void agent_exec_start(const char *ring_path);

/* Once connected: what kills the program is told first. */
void agent_crash_start(void);
/* Whether that is the agent's handler, of which the program does not know. */
bool agent_crash_is_own(sighandler_t handler);
/* The program wants what the system does: the agent's handler comes back. */
void agent_crash_watch(int number);

#endif
