/* SPDX-License-Identifier: MIT
 *
 * demo.c - `make demo` builds without a warning and succeeds, whichever compiler builds it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { NOT_INSTALLED = 127 };

/* Returns its exit status; what it prints is for people. */
static int run(char *const args[])
{
    int status = 0;
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        unsetenv("MAKEFLAGS");
        unsetenv("MAKELEVEL");
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(args[0], args);
        _exit(errno == ENOENT ? NOT_INSTALLED : 126);
    }
    require_eq(waitpid(child, &status, 0), child);
    require(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void skip_unless_installed(char *program)
{
    char *args[] = {program, (char[]){"--version"}, NULL};
    if (run(args) == NOT_INSTALLED)
        skip("%s is not installed", program);
}

/* A folder of its own for each run: the same case may run twice at once. */
static void make_demo(const char *compiler)
{
    char cc[64], template[64], out[PATH_MAX], definition[PATH_MAX + 8];
    char *make[] = {
        (char[]){"make"}, (char[]){"-C"}, (char[]){DEMO_DIR}, cc, (char[]){"FINI=" FINI_DIR},
        definition, (char[]){"CFLAGS=-O2 -g -Werror"}, NULL};
    char *remove[] = {(char[]){"rm"}, (char[]){"-r"}, out, NULL};
    snprintf(cc, sizeof cc, "CC=%s", compiler);
    snprintf(template, sizeof template, "demo-%s-XXXXXX", compiler);
    require(mkdtemp(harness_path(out, template)) != NULL);
    snprintf(definition, sizeof definition, "OUT=%s", out);
    require_eq(run(make), 0);
    require_eq(run(remove), 0);
}

CASE(demo_with_gcc, .timeout = 120, .slow = true)
{
    skip_unless_installed((char[]){"make"});
    skip_unless_installed((char[]){"gcc"});
    make_demo("gcc");
}

CASE(demo_with_clang, .timeout = 120, .slow = true)
{
    skip_unless_installed((char[]){"make"});
    skip_unless_installed((char[]){"clang"});
    make_demo("clang");
}
