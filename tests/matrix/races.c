/* SPDX-License-Identifier: MIT
 *
 * races.c - ways out in which two threads meet: two exits, and an exit during a dlclose.
 *
 * Decides: what may come of it. Several ends are right, and the process may end halfway through
 * any of them, so each run is judged by rules: it ends by itself and without a signal, no hook
 * runs twice, all are told the same, and that agrees with the map.
 * Leaves to others: doing it (host.c and its ways), pairs with one right end (matrix.c).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "matrix.h"

enum { RUNS = 64, SECONDS_MOST = 5 };

struct race {
    const char *program, *preload, *in, *out;
    bool closes;
};

/* The host shifts its two threads against each other by its process number. */
static const struct race races[] = {
    {"host-startup", NULL, "startup", "two-exits", false},
    {"host", "plugin.so", "preload", "two-exits", false},
    {"host", NULL, "dlopen", "two-exits", false},
    {"host", "early.so", "dlopen-startup-constructor", "two-exits", false},
    {"host", NULL, "dlmopen", "two-exits", false},
    {"host", "keeper.so", "by-startup-dependency", "two-exits", false},
    {"linked", NULL, "linked", "two-exits", false},
    {"linked-static", NULL, "linked-static", "two-exits", false},
    {"host", NULL, "dlopen", "dlclose-while-exit", true},
    {"host", NULL, "dlopen-thread", "dlclose-while-exit", true},
    {"host", "early.so", "dlopen-startup-constructor", "dlclose-while-exit", true},
    {"host", NULL, "dependency", "dlclose-while-exit", true},
    {"host", NULL, "dlmopen", "dlclose-while-exit", true},
    {"host", NULL, "reload", "dlclose-while-exit", true},
    {"host", "keeper.so", "by-startup-dependency", "dlclose-while-exit", true},
};

/* ---- one run --------------------------------------------------------------------------------- */

static void become_host(void *arg)
{
    const struct race *race = arg;
    alarm(SECONDS_MOST);
    matrix_become(race->program, race->in, race->out, race->preload, NULL);
}

/* ---- the rules ------------------------------------------------------------------------------- */

static int count(const char *text, const char *part)
{
    int n = 0;
    while ((text = strstr(text, part)) != NULL) {
        text++;
        n++;
    }
    return n;
}

/* An older copy has ended before the race; what counts is what the last one says. */
static const char *last_life(const char *text)
{
    static const char birth[] = "constructor: running\n";
    const char *life = text;
    for (const char *at = text; (at = strstr(at, birth)) != NULL; at++)
        life = at;
    return life;
}

static bool twice(const char *text)
{
    return count(text, "added hook:") > 1 || count(text, "parent's hook:") > 1 ||
           count(text, "file hook:") > 1 || count(text, "exit handler") > 1 ||
           count(text, "destructors:") > 1;
}

/* One reason at most. "unload" does not count what is "unload at exit". */
static bool mixed(const char *text)
{
    int hooks = count(text, "hook:"), at_exit = count(text, "hook: unload at exit");
    int exits = count(text, "hook: exit"), unloads = count(text, "hook: unload") - at_exit;
    return hooks != exits && hooks != unloads && hooks != at_exit;
}

static bool disagrees_with_map(const char *text)
{
    bool gone = strstr(text, "mapped 0") != NULL;
    bool stays = strstr(text, "closed: mapped 1") != NULL;
    if (strstr(text, "hook: exit"))
        return gone;
    if (strstr(text, "hook: unload"))
        return stays;
    return gone;
}

/* Once the only exit() has come through with everything, nothing that it runs is missing. */
static bool incomplete(const struct race *race, const char *text)
{
    bool through = race->closes && strstr(text, "end: ") && strstr(text, "hook: exit");
    return through && count(text, "hook: exit") != 3;
}

static const char *broken_rule(const struct race *race, const struct outcome *run)
{
    const char *text = last_life(run->transcript);
    if (WIFSIGNALED(run->wait_status))
        return WTERMSIG(run->wait_status) == SIGALRM ? "hangs" : "dies of a signal";
    if (WEXITSTATUS(run->wait_status) != 0)
        return "wrong status";
    if (twice(text))
        return "something runs twice";
    if (mixed(text))
        return "hooks are told different things";
    if (disagrees_with_map(text))
        return "the reason disagrees with the map";
    if (!race->closes && strstr(text, "hook: unload"))
        return "unload, and nobody closes it";
    return incomplete(race, text) ? "hooks are missing" : NULL;
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void run_race(const void *data)
{
    struct race race = *(const struct race *)data;
    struct outcome run;
    for (int n = 0; n < RUNS; n++) {
        in_child_recorded(become_host, &race, &run);
        const char *rule = broken_rule(&race, &run);
        if (rule)
            say("run %d %s, status %x:\n%s", n, rule, (unsigned)run.wait_status, run.transcript);
    }
}

void harness_setup(void)
{
    for (size_t n = 0; n < sizeof races / sizeof *races; n++) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", races[n].in, races[n].out);
        harness_add(&(struct test_case){
            .name = name, .run = run_race, .data = &races[n], .timeout = 60, .slow = true});
    }
}
