/* SPDX-License-Identifier: MIT
 *
 * hosts.c - real hosts, as they are installed, load a guest and end in each way they have.
 *
 * Each case is one way, 20 times with a naive guest and 20 times with libfini. The naive one
 * crashes. Ours is told the right reason - window.c sees whether the guest is still mapped - and
 * the host ends as it should.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"

enum { RUNS = 20, TIME_LIMIT = 5, NOT_INSTALLED = 127, ARGS_MAX = 8 };

/* GUEST stands for `naive` or `fini`, with which file names begin. */
struct ending {
    const char *name;
    const char *args[ARGS_MAX];
    const char *input;
    const char *file;
    const char *transcript;     /* of the guest with libfini, and of window.c */
    int status;
};

#define LUA(script) \
    .file = "lua_guest", .args = {"lua5.4", "-"}, .input = "require 'GUEST-lua_guest' " script
#define SQLITE(...) \
    .file = "sqlite_guest", \
    .args = {"sqlite3", "-batch", "-init", "/dev/null", ":memory:", __VA_ARGS__}
#define UNLOADED .transcript = "unload\ngone\n"
#define EXITED .transcript = "exit\nmapped\n"

static const struct ending endings[] = {
    {"lua_end_of_script", LUA(""), UNLOADED},
    {"lua_error", LUA("error()"), UNLOADED, .status = 1},
    {"lua_exit", LUA("os.exit(0)"), EXITED},
    {"lua_exit_in_coroutine", LUA("coroutine.wrap(os.exit)(4)"), EXITED, .status = 4},
    {"lua_exit_and_close", LUA("os.exit(0, true)"), UNLOADED},
    {"sqlite_end_of_input", SQLITE(NULL), .input = ".load ./GUEST-sqlite_guest\n", UNLOADED},
    {"sqlite_quit", SQLITE(NULL), .input = ".load ./GUEST-sqlite_guest\n.quit\n", UNLOADED},
    {"sqlite_exit_0", SQLITE(NULL), .input = ".load ./GUEST-sqlite_guest\n.exit 0\n", UNLOADED},
    {"sqlite_exit_3", SQLITE(NULL), .input = ".load ./GUEST-sqlite_guest\n.exit 3\n", EXITED,
     .status = 3},
    {"sqlite_permanent", SQLITE(NULL), .input = ".load ./GUEST-sqlite_guest sqlite3_stay_init\n",
     EXITED},
    {"sqlite_arguments", SQLITE(".load ./GUEST-sqlite_guest"), UNLOADED},
    /* Among arguments it returns from main at once. */
    {"sqlite_quit_in_arguments", SQLITE(".load ./GUEST-sqlite_guest", ".quit"), EXITED},
};

/* ---- one run ------------------------------------------------------------------------------- */

struct attempt {
    const struct ending *ending;
    const char *guest;
};

static char *with_guest(const char *arg, const char *guest)
{
    static const char word[] = "GUEST";
    const char *at = strstr(arg, word);
    char *copy = NULL;
    if (at == NULL)
        return strdup(arg);
    if (asprintf(&copy, "%.*s%s%s", (int)(at - arg), arg, guest, at + sizeof word - 1) < 0)
        abort();
    return copy;
}

/* Fits into the pipe, so that nobody has to stay and write. */
static int input_with(const char *text)
{
    int ends[2];
    size_t length = strlen(text);
    require(pipe(ends) == 0);
    require_eq(write(ends[1], text, length), length);
    close(ends[1]);
    return ends[0];
}

/* The alarm stays set across exec: nothing that hangs outlives its time. */
static void become_host(void *arg)
{
    const struct attempt *attempt = arg;
    const struct ending *ending = attempt->ending;
    const char *guest = attempt->guest;
    char window[PATH_MAX];
    char *args[ARGS_MAX + 1] = {NULL};
    for (int i = 0; i < ARGS_MAX && ending->args[i] != NULL; i++)
        args[i] = with_guest(ending->args[i], guest);
    setenv("LD_PRELOAD", harness_path(window, "libwindow.so"), 1);
    setenv("LUA_CPATH_5_4", "./?.so", 1);
    unsetenv("LUA_INIT");
    unsetenv("LUA_INIT_5_4");
    dup2(input_with(with_guest(ending->input != NULL ? ending->input : "", guest)), STDIN_FILENO);
    alarm(TIME_LIMIT);
    if (chdir(harness_dir()) == 0)
        execvp(args[0], args);
    if (errno == ENOENT)
        _exit(NOT_INSTALLED);
}

static void run(const struct ending *ending, const char *guest, struct outcome *ret)
{
    struct attempt attempt = {ending, guest};
    in_child_recorded(become_host, &attempt, ret);
}

/* ---- twenty runs --------------------------------------------------------------------------- */

static bool ended_well(const struct ending *ending, const struct outcome *outcome)
{
    return WIFEXITED(outcome->wait_status) && WEXITSTATUS(outcome->wait_status) == ending->status;
}

/* Only a crash or a hang counts: a naive guest that the host could not load proves nothing. */
static int failures_of_naive(const struct ending *ending)
{
    struct outcome outcome;
    int failures = 0;
    for (int i = 0; i < RUNS; i++) {
        run(ending, "naive", &outcome);
        require(WIFSIGNALED(outcome.wait_status) || ended_well(ending, &outcome));
        failures += WIFSIGNALED(outcome.wait_status);
    }
    return failures;
}

static int failures_of_ours(const struct ending *ending)
{
    struct outcome outcome;
    int failures = 0;
    for (int i = 0; i < RUNS; i++) {
        run(ending, "fini", &outcome);
        if (ended_well(ending, &outcome) && strcmp(outcome.transcript, ending->transcript) == 0)
            continue;
        failures++;
        fprintf(stderr, "wait status %#x, and: %s\n", outcome.wait_status, outcome.transcript);
    }
    return failures;
}

/* ---- cases --------------------------------------------------------------------------------- */

/* SQLite 3.46 exits with .quit on its command line, 3.53 closes first. */
static bool unloads(const struct outcome *outcome)
{
    return outcome->wait_status == 0 && strcmp(outcome->transcript, "unload\ngone\n") == 0;
}

static void skip_what_is_missing(const struct ending *ending)
{
    char name[64], path[PATH_MAX];
    struct outcome outcome;
    snprintf(name, sizeof name, "fini-%s.so", ending->file);
    if (access(harness_path(path, name), F_OK) != 0)
        skip("the header files of %s were not there at build time", ending->args[0]);
    run(ending, "fini", &outcome);
    if (WIFEXITED(outcome.wait_status) && WEXITSTATUS(outcome.wait_status) == NOT_INSTALLED)
        skip("%s is not installed", ending->args[0]);
    if (strcmp(outcome.transcript, ending->transcript) != 0 && unloads(&outcome))
        skip("this %s unloads before it ends", ending->args[0]);
}

static void check_ending(const void *data)
{
    const struct ending *ending = data;
    skip_what_is_missing(ending);
    require_eq(failures_of_ours(ending), 0);
    int naive = failures_of_naive(ending);
    say("naive: %d of %d failed", naive, RUNS);
    require(naive >= 1);
}

void harness_setup(void)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        harness_add(&(struct test_case){
            .name = endings[i].name,
            .run = check_ending,
            .data = &endings[i],
            .expect = "naive: * of 20 failed\n",
            .timeout = 2 * RUNS * TIME_LIMIT,
            .slow = true,
        });
}
