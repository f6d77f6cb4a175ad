/* SPDX-License-Identifier: MIT
 *
 * A stack that is almost used up: dlclose and exit() on a coroutine's, a signal's, a small
 * thread's.
 *
 * Decides: how much stack a plugin's end takes with libfini and without, by painting the stack.
 * Seen (glibc 2.36, gcc -O2, a hook that asks fini_why): dlclose 3176 bytes of a coroutine's stack,
 * 4568 with libfini; exit() 3176 and 3832. Asserted is a generous bound, STACK_MORE.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"

enum { STACK = 256 << 10, PAINT = 0xa5, STACK_MORE = 16 << 10 };

static unsigned char *stack; /* shared: also read when the process is gone */
static size_t stack_size = STACK;
static void (*end_of_life)(void);

/* ---- on which stack -------------------------------------------------------------------------- */

static ucontext_t back;

static void run_on_coroutine(void)
{
    ucontext_t there;
    getcontext(&there);
    there.uc_stack.ss_sp = stack + STACK - stack_size;
    there.uc_stack.ss_size = stack_size;
    there.uc_link = &back;
    makecontext(&there, end_of_life, 0);
    swapcontext(&back, &there);
}

static void on_signal(int number)
{
    (void)number;
    end_of_life();
}

static void run_on_signal_stack(void)
{
    const stack_t other = {.ss_sp = stack + STACK - stack_size, .ss_size = stack_size};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&other, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0)
        abort();
    raise(SIGUSR1);
}

static void *on_thread(void *arg)
{
    end_of_life();
    return arg;
}

static void run_on_thread(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0 ||
        pthread_attr_setstack(&attributes, stack + STACK - stack_size, stack_size) != 0 ||
        pthread_create(&thread, &attributes, on_thread, NULL) != 0 ||
        pthread_join(thread, NULL) != 0)
        abort();
}

struct place {
    const char *name;
    void (*run)(void);
};

static const struct place places[] = {
    {"coroutine", run_on_coroutine},
    {"signal stack", run_on_signal_stack},
    {"thread", run_on_thread},
};

/* ---- which end ------------------------------------------------------------------------------- */

static void leave(void)
{
    exit(0);
}

struct end {
    const char *name;
    void (*end)(void);
    fini_reason why;
};

static const struct end ends[] = {
    {"dlclose", life_unload, FINI_UNLOAD},
    {"exit", leave, FINI_EXIT},
};

static const struct place *place;

static void live(void)
{
    life_load();
    place->run();
}

/* ---- another stack inside exit() ------------------------------------------------------------- */

/* The exit handler that this is, is newer than libfini's mark: only the stack shows exit(). */
static void run_there(void)
{
    place->run();
}

static void live_newer_handler(void)
{
    life_load();
    if (atexit(run_there) != 0)
        abort();
    exit(0);
}

static void unload_in_newer_handler(void (*run)(void), fini_reason why)
{
    const struct place there = {"", run};
    stack = shared_memory(STACK);
    place = &there;
    end_of_life = life_unload;
    const char *wrong = life_wrong(life_run(live_newer_handler, NULL), why);
    say("%s", wrong ? wrong : "right");
}

static void run_on_signal(void)
{
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
}

CASE(signal_inside_exit, .expect = "right\n")
{
    unload_in_newer_handler(run_on_signal, FINI_UNLOAD_AT_EXIT);
}

CASE(signal_stack_inside_exit, .expect = "right\n")
{
    unload_in_newer_handler(run_on_signal_stack, FINI_UNLOAD_AT_EXIT);
}

/* Nothing leads from one stack to the other; as with another thread's dlclose at this moment. */
CASE(coroutine_inside_exit_is_an_unload, .expect = "right\n")
{
    unload_in_newer_handler(run_on_coroutine, FINI_UNLOAD);
}

/* ---- another stack, put in place by hand ----------------------------------------------------- */

/* The compiler knows nothing of it: by this function's unwind table its caller's frame is further
 * up, where this stack has ended. */
__attribute__((noinline)) static void call_on(void (*fn)(void), void *top)
{
    __asm__ volatile("movq %%rsp, %%rbx\n\tmovq %1, %%rsp\n\tcall *%0\n\tmovq %%rbx, %%rsp"
                     :
                     : "r"(fn), "r"(top)
                     : "rbx", "memory", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
                       "cc");
}

static void run_by_hand(void)
{
    const size_t page = 4096;
    unsigned char *end = stack + STACK - page;
    if (mprotect(end, page, PROT_NONE) != 0)
        abort();
    call_on(end_of_life, end);
}

static void live_by_hand(void)
{
    life_load();
    run_by_hand();
}

CASE(stack_put_in_place_by_hand, .expect = "right\n")
{
    stack = shared_memory(STACK);
    end_of_life = life_unload;
    const char *wrong = life_wrong(life_run(live_by_hand, NULL), FINI_UNLOAD);
    say("%s", wrong ? wrong : "right");
}

/* ---- measuring ------------------------------------------------------------------------------- */

static size_t used(void)
{
    size_t unused = 0;
    while (unused < STACK && stack[unused] == PAINT)
        unused++;
    return STACK - unused;
}

static bool run(const char *plugin, const struct place *on, const struct end *end)
{
    if (!stack)
        stack = shared_memory(STACK);
    memset(stack, PAINT, STACK);
    place = on;
    end_of_life = end->end;
    life_plugin = plugin;
    bool naive = strcmp(plugin, "hostile-naive.so") == 0;
    const char *wrong = life_wrong(life_run(live, NULL), naive ? FINI_RUNNING : end->why);
    if (wrong)
        say("%s, %s on a %s: %s", plugin, end->name, on->name, wrong);
    return !wrong;
}

static void compare(const struct place *on, const struct end *end)
{
    stack_size = STACK;
    if (!run("hostile-naive.so", on, end))
        return;
    size_t naive = used();
    if (!run("hostile-fini.so", on, end))
        return;
    size_t cured = used();
    dprintf(STDERR_FILENO, "%s on a %s: %zu bytes, with libfini %zu\n", end->name, on->name, naive,
            cured);
    if (cured > naive + STACK_MORE)
        say("%s on a %s: %zu, with libfini %zu", end->name, on->name, naive, cured);
}

CASE(needs_little_more_than_naive)
{
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (size_t e = 0; e < sizeof ends / sizeof *ends; e++)
            compare(&places[p], &ends[e]);
}

/* ---- as little as there can be --------------------------------------------------------------- */

/* The smallest that pthread_create takes. */
CASE(smallest_thread)
{
    stack_size = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
        run("hostile-naive.so", &places[2], &ends[e]);
        run("hostile-fini.so", &places[2], &ends[e]);
    }
}

/* Below a stack of what naive needs and STACK_MORE, nothing can be written. */
static void forbid_below(void)
{
    if (mprotect(stack, STACK - stack_size, PROT_NONE) != 0)
        abort();
}

static void live_at_limit(void)
{
    life_load();
    forbid_below();
    place->run();
}

CASE(a_stack_that_ends)
{
    const size_t page = 4096;
    for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
        stack_size = STACK;
        require(run("hostile-naive.so", &places[0], &ends[e]));
        stack_size = (used() + STACK_MORE + page - 1) / page * page;
        end_of_life = ends[e].end;
        life_plugin = "hostile-fini.so";
        const char *wrong = life_wrong(life_run(live_at_limit, NULL), ends[e].why);
        if (wrong)
            say("%s: %s", ends[e].name, wrong);
    }
}
