/* SPDX-License-Identifier: MIT
 *
 * A stack that is almost used up: dlclose and exit() on a coroutine's, a signal's, a small
 * thread's.
 *
 * Decides: how much stack a plugin's end takes with libfini and without, by painting the stack.
 * Seen with glibc 2.36 and gcc -O2: see STACK_MORE. Asserted is a generous bound.
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

/* Each function that the end calls through a PLT is bound before, on the larger stack. */
static void live(void)
{
    life_load();
    place->run();
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
