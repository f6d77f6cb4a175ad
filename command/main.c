/* SPDX-License-Identifier: MIT
 *
 * main.c - fini: which command is meant.
 */
#include <fcntl.h>
#include <fini.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "text.h"

static const struct command commands[] = {
    {"check", "say which libraries will unload, and why not", check_run},
    {"pin", "set or clear the mark that a library is never unloaded", pin_run},
    {"run", "run a program with other ends for its libraries", run_run},
    {"trace", "run a program, and say what it loads, unloads and leaves behind", trace_run},
    {"why", "say what keeps a library in a process that runs", why_run},
};

static int help(void)
{
    puts("Usage: fini COMMAND [OPTION...] [ARGUMENT...]\n"
         "       fini --help | --version\n"
         "\n"
         "Why does this library not unload, and what does it leave behind?\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    puts("\n`fini COMMAND --help` says more. Exit status: 0 nothing found, 1 findings, 2 errors.");
    return STATUS_NOTHING;
}

static int version(void)
{
    puts("fini " FINI_VERSION);
    return STATUS_NOTHING;
}

int command_misused(const char *name, const char *what)
{
    if (what)
        text_error(NULL, "%s", what);
    fprintf(stderr, "`fini%s%s --help` says how.\n", name ? " " : "", name ? name : "");
    return STATUS_ERROR;
}

int command_finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    text_error(NULL, "standard output does not take it all");
    return STATUS_ERROR;
}

void command_await_children(void)
{
    signal(SIGCHLD, SIG_DFL);
}

/* A stream that is closed fails, as before, and no file of ours takes its number. A program that
 * is started finds it closed. */
static void keep_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", (fd == 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

static int dispatch(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    text_error(argv[0], "no such command");
    return command_misused(NULL, NULL);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
    keep_streams();
    setlocale(LC_CTYPE, "");
    switch (getopt_long(argc, argv, "+hV", options, NULL)) {
    case 'h': return command_finish(help());
    case 'V': return command_finish(version());
    case '?': return command_misused(NULL, NULL);
    }
    if (optind == argc)
        return command_misused(NULL, "no command");
    argc -= optind;
    argv += optind;
    optind = 0; /* glibc: begin anew */
    return command_finish(dispatch(argc, argv));
}
