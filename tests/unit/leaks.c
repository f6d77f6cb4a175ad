/* SPDX-License-Identifier: MIT
 *
 * A host and a plugin with libfini under leak checkers: valgrind, and the one in the address
 * sanitizers of gcc and clang.
 *
 * Decides: that libfini leaks nothing at unload, touches nothing it should not, and that with
 * FINI_CLEAN_EXIT=1 a process that exits is clean too - and that without it, it is not, or the
 * check would say nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

struct run {
    const char *host;
    const char *times, *keep;
    bool clean_exit;
};

static int status_of(pid_t child)
{
    int status;
    require(child > 0);
    require_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Ends the process with 99 where the program cannot be started. */
static int run_program(char **command)
{
    pid_t child = fork();
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(command[0], command);
        _exit(99);
    }
    return status_of(child);
}

static void set_clean_exit(const struct run *run)
{
    if (run->clean_exit)
        setenv("FINI_CLEAN_EXIT", "1", 1);
    else
        unsetenv("FINI_CLEAN_EXIT");
}

/* ---- valgrind -------------------------------------------------------------------------------- */

static void require_valgrind(void)
{
    char *command[] = {"valgrind", "--version", NULL};
    if (run_program(command) != 0)
        skip("there is no valgrind");
}

static int run_valgrind(const struct run *run)
{
    char host[PATH_MAX], plugin[PATH_MAX];
    char *command[] = {"valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
                       "--errors-for-leak-kinds=definite,indirect,possible",
                       harness_path(host, "leak-host"), harness_path(plugin, "leak-plugin.so"),
                       (char *)run->times, (char *)run->keep, NULL};
    set_clean_exit(run);
    return run_program(command);
}

static void valgrind_is_content(const void *data)
{
    require_valgrind();
    require_eq(run_valgrind(data), 0);
}

static void valgrind_tells_clean_exit(const void *data)
{
    struct run run = {"leak-host", "1", "keep", false};
    (void)data;
    require_valgrind();
    setenv("LEAK_HIDDEN", "1", 1);
    say("leaks: %d", run_valgrind(&run));
    run.clean_exit = true;
    say("clean: %d", run_valgrind(&run));
}

/* ---- LeakSanitizer --------------------------------------------------------------------------- */

static int run_lsan(const struct run *run)
{
    char host[PATH_MAX], plugin[PATH_MAX];
    char *command[] = {harness_path(host, run->host), harness_path(plugin, "leak-plugin.so"),
                       (char *)run->times, (char *)run->keep, NULL};
    if (access(host, X_OK) != 0)
        skip("%s is not built", run->host);
    setenv("ASAN_OPTIONS", "detect_leaks=1:exitcode=9", 1);
    set_clean_exit(run);
    return run_program(command);
}

static void lsan_is_content(const void *data)
{
    require_eq(run_lsan(data), 0);
}

/* This one looks before the loader finalizes plugins, so that only an unload can be clean. */
static void lsan_tells_unload(const void *data)
{
    const struct run *host = data;
    struct run run = {host->host, "1", "keep", false};
    setenv("LEAK_HIDDEN", "1", 1);
    say("leaks: %d", run_lsan(&run));
    run.keep = NULL;
    say("clean: %d", run_lsan(&run));
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void add_case(const char *host, const char *what, void (*run)(const void *),
                     const struct run *data, const char *expect)
{
    char name[64];
    snprintf(name, sizeof name, "%s_%s", host, what);
    harness_add(&(struct test_case){
        .name = name, .run = run, .data = data, .expect = expect, .timeout = 60, .slow = true});
}

static const struct run runs[][4] = {
#define RUNS(host)                                                                    \
    {{host, "1", NULL, false}, {host, "3", NULL, false}, {host, "2", "keep", false}, \
     {host, "2", "keep", true}}
    RUNS("leak-host"), RUNS("leak-host-gcc"), RUNS("leak-host-clang")};

void harness_setup(void)
{
    static const char *const whats[] = {"unload", "reload", "exit", "clean_exit"};
    static const char *const names[] = {"valgrind", "lsan_gcc", "lsan_clang"};
    for (int host = 0; host < 3; host++) {
        for (int n = 0; n < 4; n++)
            add_case(names[host], whats[n], host ? lsan_is_content : valgrind_is_content,
                     &runs[host][n], NULL);
        add_case(names[host], host ? "tells_unload" : "tells_clean_exit",
                 host ? lsan_tells_unload : valgrind_tells_clean_exit, &runs[host][0],
                 "leaks: 9\nclean: 0\n");
    }
}
