/* SPDX-License-Identifier: MIT
 *
 * agent_calls.c - the agent as a preloaded library: functions that stand before libc's of the same
 * name, tell what they are asked for, and pass it on.
 *
 * glibc's own calls of these functions do not come here, nor those of other namespaces.
 */
#include "agent_calls.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent_leak.h"
#include "agent_ring.h"

static const char *const names[] = {
#define NAME_OF(name, returns, takes) #name,
    AGENT_CALLS(NAME_OF)
#undef NAME_OF
};
static uintptr_t found[AGENT_CALL_COUNT];
/* This is the preloaded copy, and the program is traced. */
static bool connected;
static atomic_uint cookies;

/* The address in the agent belongs to the thread_local destructors that it registers. */
static char own_place;

uintptr_t agent_next(enum agent_call call)
{
    if (!found[call])
        found[call] = (uintptr_t)dlsym(RTLD_NEXT, names[call]);
    return found[call];
}

EXPORTED agent_connect_fn fini_agent_connect;
/* dlsym takes the loader's lock: all are looked for before a thread can wait for it that would not
 * without the agent. */
EXPORTED void fini_agent_connect(struct agent_ring *ring, const char *ring_path,
                                 struct agent_leaks *leaks)
{
    for (int call = 0; call < AGENT_CALL_COUNT; call++)
        agent_next((enum agent_call)call);
    agent_leak_start(leaks);
    if (!ring)
        return;
    agent_ring = ring;
    connected = true;
    agent_exec_start(ring_path);
    agent_crash_start();
}

#define TELL(...) (connected ? AGENT_SAY(__VA_ARGS__) : (void)0)

EXPORTED agent___cxa_atexit_fn __cxa_atexit, __cxa_thread_atexit_impl;
EXPORTED agent___cxa_at_quick_exit_fn __cxa_at_quick_exit;
EXPORTED agent___cxa_finalize_fn __cxa_finalize;
EXPORTED agent___register_atfork_fn __register_atfork;
EXPORTED agent_pthread_key_create_fn __pthread_key_create;

EXPORTED int __cxa_atexit(void (*function)(void *), void *argument, void *owner)
{
    TELL(AGENT_ATEXIT, (uintptr_t)function, (uintptr_t)owner, CALLER);
    return agent_leak_atexit(function, argument, owner);
}

EXPORTED int __cxa_at_quick_exit(void (*function)(void *), void *owner)
{
    TELL(AGENT_ATEXIT, (uintptr_t)function, (uintptr_t)owner, CALLER);
    return NEXT(__cxa_at_quick_exit)(function, owner);
}

EXPORTED int on_exit(void (*function)(int, void *), void *argument)
{
    TELL(AGENT_ATEXIT, (uintptr_t)function, 0, CALLER);
    return agent_leak_on_exit(function, argument);
}

EXPORTED void __cxa_finalize(void *owner)
{
    agent_leak_finalize(owner);
    TELL(AGENT_FINALIZE, (uintptr_t)owner);
}

EXPORTED int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                               void *owner)
{
    TELL(AGENT_FORK_HANDLER, (uintptr_t)(prepare ? prepare : parent ? parent : child),
         (uintptr_t)owner, CALLER);
    return NEXT(__register_atfork)(prepare, parent, child, owner);
}

EXPORTED int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *owner)
{
    TELL(AGENT_LOCAL, (uintptr_t)function, (uintptr_t)owner, CALLER);
    return NEXT(__cxa_thread_atexit_impl)(function, argument, owner);
}

static int create_key(pthread_key_t *key, void (*destructor)(void *), uintptr_t caller)
{
    int error = NEXT(pthread_key_create)(key, destructor);
    if (error == 0)
        TELL(AGENT_KEY, *key, (uintptr_t)destructor, caller);
    return error;
}

EXPORTED int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return create_key(key, destructor, CALLER);
}

EXPORTED int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return create_key(key, destructor, CALLER);
}

EXPORTED int pthread_key_delete(pthread_key_t key)
{
    TELL(AGENT_KEY_GONE, key);
    return NEXT(pthread_key_delete)(key);
}

static __attribute__((noinline)) void tell_dlopen(const char *name, int mode, uintptr_t caller,
                                                  Lmid_t space)
{
    uint64_t words[AGENT_WORDS] = {(uint64_t)mode, caller, space != LM_ID_BASE};
    size_t length = name ? strnlen(name, 4096) : 0;
    if (connected)
        agent_say(AGENT_DLOPEN, words, name, length);
}

/* The loader looks at who calls it, for $ORIGIN and the namespace. So these jump: a last call
 * leaves the program's return address where it is. */
#define JUMPS __attribute__((optimize("O2", "omit-frame-pointer")))

JUMPS EXPORTED void *dlopen(const char *name, int mode)
{
    tell_dlopen(name, mode, CALLER, LM_ID_BASE);
    return NEXT(dlopen)(name, mode);
}

JUMPS EXPORTED void *dlmopen(Lmid_t space, const char *name, int mode)
{
    tell_dlopen(name, mode, CALLER, space);
    return NEXT(dlmopen)(space, name, mode);
}

EXPORTED int dlclose(void *handle)
{
    TELL(AGENT_DLCLOSE, (uintptr_t)handle, CALLER);
    int error = agent_leak_dlclose(handle);
    TELL(AGENT_DLCLOSED, (uintptr_t)handle);
    return error;
}

static void tell_signal(int number, sighandler_t handler, uintptr_t caller)
{
    bool plain = handler == SIG_DFL || handler == SIG_IGN;
    TELL(AGENT_SIGNAL, (uint64_t)number, plain ? 0 : (uintptr_t)handler, caller);
    if (connected && handler == SIG_DFL)
        agent_crash_watch(number);
}

/* Of the agent's own handler the program sees nothing. */
EXPORTED int sigaction(int number, const struct sigaction *action, struct sigaction *ret)
{
    sighandler_t handler = action ? action->sa_handler : SIG_DFL;
    int error = NEXT(sigaction)(number, action, ret);
    if (error == 0 && ret && agent_crash_is_own(ret->sa_handler))
        memset(ret, 0, sizeof *ret);
    if (error == 0 && action)
        tell_signal(number, handler, CALLER);
    return error;
}

/* sigset(number, SIG_HOLD) sets none. */
static sighandler_t set_signal(agent_signal_fn *set, int number, sighandler_t handler,
                               uintptr_t caller)
{
    sighandler_t old = set(number, handler);
    if (old != SIG_ERR && handler != SIG_HOLD)
        tell_signal(number, handler, caller);
    return agent_crash_is_own(old) ? SIG_DFL : old;
}

EXPORTED sighandler_t signal(int number, sighandler_t handler)
{
    return set_signal(NEXT(signal), number, handler, CALLER);
}

EXPORTED sighandler_t __sysv_signal(int number, sighandler_t handler)
{
    return set_signal(NEXT(__sysv_signal), number, handler, CALLER);
}

EXPORTED sighandler_t sigset(int number, sighandler_t handler)
{
    return set_signal(NEXT(sigset), number, handler, CALLER);
}

struct first_call {
    uintptr_t function;
    void *argument;
    uintptr_t caller;
};

static void thread_ends(void *nothing)
{
    (void)nothing;
    TELL(AGENT_THREAD_ENDS, 0);
}

/* libc runs thread_local destructors newest first: this one is the last. */
static struct first_call begin_thread(void *argument)
{
    struct first_call call = *(struct first_call *)argument;
    free(argument);
    TELL(AGENT_THREAD, call.function, call.caller);
    NEXT(__cxa_thread_atexit_impl)(thread_ends, NULL, &own_place);
    return call;
}

static void *thread_begins(void *argument)
{
    struct first_call call = begin_thread(argument);
    return ((void *(*)(void *))call.function)(call.argument);
}

static int thrd_begins(void *argument)
{
    struct first_call call = begin_thread(argument);
    return ((thrd_start_t)call.function)(call.argument);
}

/* NULL: the thread is not told of. */
static struct first_call *first_call(uintptr_t function, void *argument, uintptr_t caller)
{
    struct first_call *call = connected && agent_listens() ? malloc(sizeof *call) : NULL;
    if (call)
        *call = (struct first_call){function, argument, caller};
    return call;
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*function)(void *), void *argument)
{
    struct first_call *call = first_call((uintptr_t)function, argument, CALLER);
    if (!call)
        return NEXT(pthread_create)(thread, attributes, function, argument);
    int error = NEXT(pthread_create)(thread, attributes, thread_begins, call);
    if (error)
        free(call);
    return error;
}

EXPORTED int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct first_call *call = first_call((uintptr_t)function, argument, CALLER);
    if (!call)
        return NEXT(thrd_create)(thread, function, argument);
    int error = NEXT(thrd_create)(thread, thrd_begins, call);
    if (error != thrd_success)
        free(call);
    return error;
}

static void tell_callback(const char *kind, uintptr_t what, uintptr_t function, uintptr_t caller)
{
    uint64_t words[AGENT_WORDS] = {what, function, caller};
    if (connected && function)
        agent_say(AGENT_CALLBACK, words, kind, strlen(kind));
}

static void tell_callback_gone(const char *kind, uintptr_t what)
{
    uint64_t words[AGENT_WORDS] = {what};
    if (connected)
        agent_say(AGENT_CALLBACK_GONE, words, kind, strlen(kind));
}

EXPORTED int timer_create(clockid_t clock, struct sigevent *event, timer_t *ret)
{
    uintptr_t function = event && event->sigev_notify == SIGEV_THREAD ?
                         (uintptr_t)event->sigev_notify_function : 0;
    int error = NEXT(timer_create)(clock, event, ret);
    if (error == 0)
        tell_callback("timer", (uintptr_t)*ret, function, CALLER);
    return error;
}

EXPORTED int timer_delete(timer_t timer)
{
    tell_callback_gone("timer", (uintptr_t)timer);
    return NEXT(timer_delete)(timer);
}

EXPORTED int register_printf_specifier(int letter, printf_function *print,
                                       printf_arginfo_size_function *arguments)
{
    int error = NEXT(register_printf_specifier)(letter, print, arguments);
    tell_callback_gone("printf letter", (uintptr_t)letter);
    if (error == 0)
        tell_callback("printf letter", (uintptr_t)letter, (uintptr_t)print, CALLER);
    return error;
}

EXPORTED FILE *fopencookie(void *cookie, const char *mode, cookie_io_functions_t functions)
{
    FILE *file = NEXT(fopencookie)(cookie, mode, functions);
    uintptr_t any = functions.close ? (uintptr_t)functions.close :
                    functions.write ? (uintptr_t)functions.write : (uintptr_t)functions.read;
    if (!file || !connected)
        return file;
    atomic_fetch_add(&cookies, 1);
    tell_callback("stream", (uintptr_t)file, any, CALLER);
    return file;
}

EXPORTED int fclose(FILE *file)
{
    if (atomic_load(&cookies))
        tell_callback_gone("stream", (uintptr_t)file);
    return NEXT(fclose)(file);
}

EXPORTED __attribute__((noreturn)) void exit(int status)
{
    if (connected)
        AGENT_ASK(AGENT_EXIT, CALLER);
    agent_leak_main_begins();
    NEXT(exit)(status);
    __builtin_unreachable();
}

typedef int main_fn(int, char **, char **);
typedef int start_fn(main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                     void *);
static main_fn *program_main;

static int main_instead(int argc, char **argv, char **environment)
{
    agent_leak_main_begins();
    int status = program_main(argc, argv, environment);
    if (connected)
        AGENT_ASK(AGENT_EXIT, 0);
    return status;
}

EXPORTED start_fn __libc_start_main;
EXPORTED int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void),
                               void (*fini)(void), void (*loader_fini)(void), void *stack)
{
    start_fn *real = (start_fn *)(uintptr_t)dlsym(RTLD_NEXT, "__libc_start_main");
    program_main = main;
    return real(main_instead, argc, argv, init, fini, loader_fini, stack);
}
