/* SPDX-License-Identifier: MIT
 *
 * Each call that libfini makes of libc fails once, and each with all after it.
 *
 * Decides: nothing crashes or hangs, every hook that is due runs once, and the reason is right,
 * or is FINI_EXIT where the call that failed is one that finding the reason rests on.
 * Leaves to others: which calls those are (inject_wrap.c), the right reasons themselves
 * (tests/matrix).
 *
 * Each life of a plugin is a child process, which leaves a report in shared memory.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "fini.h"
#include "harness.h"
#include "inject.h"

enum { CALLS_MOST = 2000 };

static struct report {
    unsigned calls;     /* made so far */
    char failed[32];    /* the first that failed */
    bool sees;          /* one of them finds the reason */
    bool registers;     /* one of them is __cxa_atexit */
    bool finds_objects; /* _dl_find_object has been called */
    unsigned runs[INJECT_HOOKS];
    int why[INJECT_HOOKS]; /* told last; negative: something is wrong */
    bool ended;         /* main was left */
} *report;

static unsigned first_failing; /* 0: none */
static bool all_after;
static bool hook_exits;
static void *plugin;
static const char *plugin_path;

bool inject_fails(const char *call, bool sees)
{
    unsigned number = ++report->calls;
    report->finds_objects |= strcmp(call, "_dl_find_object") == 0;
    if (first_failing == 0 || number < first_failing || (number > first_failing && !all_after))
        return false;
    if (number == first_failing)
        snprintf(report->failed, sizeof report->failed, "%s", call);
    report->sees |= sees;
    report->registers |= strcmp(call, "__cxa_atexit") == 0;
    return true;
}

void inject_hook_runs(enum inject_hook hook, int why)
{
    report->runs[hook]++;
    report->why[hook] = why;
    if (hook_exits && hook == HOOK_UNLOAD)
        exit(0);
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void load(void)
{
    void (*add)(void);
    plugin = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin)
        _exit(9);
    *(void **)&add = dlsym(plugin, "plugin_add");
    add();
}

static void unload(void)
{
    if (dlclose(plugin) != 0)
        _exit(8);
}

static void live_unload(void)
{
    load();
    unload();
}

static void live_exit(void)
{
    load();
}

static void live_unload_at_exit(void)
{
    atexit(unload);
    load();
}

static void live_exit_from_hook(void)
{
    hook_exits = true;
    load();
    unload();
}

static void live_reload(void)
{
    load();
    unload();
    memset(report->runs, 0, sizeof report->runs);
    load();
    unload();
}

static void live_fork(void)
{
    load();
    pid_t child = fork();
    int status = 0;
    if (child != 0) {
        if (waitpid(child, &status, 0) != child || status != 0)
            abort();
        _exit(0);
    }
    unload();
}

struct life {
    const char *name;
    void (*live)(void);
    fini_reason why;
};

static const struct life lives[] = {
    {"unload", live_unload, FINI_UNLOAD},
    {"exit", live_exit, FINI_EXIT},
    {"unload_at_exit", live_unload_at_exit, FINI_UNLOAD_AT_EXIT},
    {"exit_from_hook", live_exit_from_hook, FINI_UNLOAD},
    {"reload", live_reload, FINI_UNLOAD},
    {"fork", live_fork, FINI_UNLOAD},
};

struct plan {
    const struct life *life;
    const char *plugin;
    bool all_after;
};

static void live(const struct life *life)
{
    int null = open("/dev/null", O_WRONLY);
    alarm(5);
    dup2(null, STDERR_FILENO);
    dup2(null, STDOUT_FILENO);
    setenv("FINI_TRACE", "1", 1);
    life->live();
    exit(0);
}

/* The status of the process. */
static int run_life(const struct life *life)
{
    memset(report, 0, sizeof *report);
    pid_t child = fork();
    if (child == 0)
        live(life);
    return wait_for_child(child);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Which hooks a reason has. */
static const unsigned due[][INJECT_HOOKS] = {
    [FINI_UNLOAD] = {1, 1, 1, 0, 0},
    [FINI_UNLOAD_AT_EXIT] = {1, 1, 1, 1, 1},
    [FINI_EXIT] = {1, 1, 0, 1, 1},
};

static bool runs_are(const unsigned *expected)
{
    return memcmp(report->runs, expected, sizeof report->runs) == 0;
}

static bool runs_are_right(const struct plan *plan, fini_reason told)
{
    static const unsigned only_the_hook_that_exits[INJECT_HOOKS] = {[HOOK_UNLOAD] = 1};
    if (plan->life->live != live_exit_from_hook || told != FINI_UNLOAD)
        return runs_are(due[told]);
    return runs_are(due[FINI_UNLOAD_AT_EXIT]) ||
           (report->registers && runs_are(only_the_hook_that_exits));
}

/* Of the hook that may call exit(), which changes the reason for the others, if it has run. */
static fini_reason told_at_first(void)
{
    int why = report->runs[HOOK_UNLOAD] ? report->why[HOOK_UNLOAD] : report->why[HOOK_FILE];
    return why > 0 ? (fini_reason)why : FINI_RUNNING;
}

static const char *what_is_wrong(const struct plan *plan, int status)
{
    fini_reason told = told_at_first();
    if (status != 0)
        return WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "the status";
    if (told != plan->life->why && !(told == FINI_EXIT && report->sees))
        return "the reason";
    if (!runs_are_right(plan, told))
        return "the hooks that ran";
    return NULL;
}

static void show(const char *what, int status)
{
    char runs[64] = "";
    for (int n = 0; n < INJECT_HOOKS; n++)
        sprintf(runs + strlen(runs), " %u:%d", report->runs[n], report->why[n]);
    say("call %u, %s, fails: %s (status %d, runs%s)", first_failing, report->failed, what, status,
        runs);
}

static unsigned inject(const struct plan *plan, unsigned failing)
{
    first_failing = failing;
    int status = run_life(plan->life);
    const char *wrong = what_is_wrong(plan, status);
    if (wrong)
        show(wrong, status);
    return report->calls;
}

static void inject_each(const void *data)
{
    const struct plan *plan = data;
    char path[PATH_MAX];
    plugin_path = harness_path(path, plan->plugin);
    report = shared_memory(sizeof *report);
    unsigned calls = inject(plan, 0), n = 0;
    require(calls > 10 && calls < CALLS_MOST);
    /* Where libc has it, from 2.35 on, and the plugin is not kept from it. */
    require_eq(report->finds_objects, dlsym(RTLD_DEFAULT, "_dl_find_object") &&
                                          !strstr(plan->plugin, "dladdr"));
    all_after = plan->all_after;
    do
        n++;
    while (inject(plan, n) >= n && n < CALLS_MOST);
    require(n > 10);
}

void harness_setup(void)
{
    static const char *const plugins[] = {"inject-plugin.so", "inject-plugin-dladdr.so"};
    static struct plan plans[4 * sizeof lives / sizeof *lives];
    for (size_t n = 0; n < sizeof plans / sizeof *plans; n++) {
        char name[64];
        plans[n] = (struct plan){&lives[n / 4], plugins[n / 2 % 2], n % 2};
        snprintf(name, sizeof name, "%s_%s_%s", plans[n].life->name, n / 2 % 2 ? "dladdr" : "find",
                 n % 2 ? "all_after" : "one");
        harness_add(&(struct test_case){
            .name = name, .run = inject_each, .data = &plans[n], .timeout = 60});
    }
}
