/* SPDX-License-Identifier: MIT
 *
 * run.c - fini run: a program with other ends for its libraries.
 *
 * Decides what is asked for, and for which libraries; it then is the program, so that status,
 * signals and children are the program's own. Leaves doing it to the agent: agent_leak.c,
 * agent_keep.c. Children are run so, too, as most programs are started by a script.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "command.h"
#include "refusal.h"
#include "text.h"
#include "with_agent.h"

static int help(void)
{
    puts("Usage: fini run [OPTION...] [--] COMMAND [ARGUMENT...]\n"
         "\n"
         "Runs a program, and what it starts, with other ends for libraries that cannot be\n"
         "changed. PATTERN is as for the shell, for the path or the name of the file; without\n"
         "one, all libraries are meant.\n"
         "\n"
         "  -l, --leak-at-exit[=PATTERN]  at exit, their finalizers and exit handlers do not run;\n"
         "                                at an unload they do\n"
         "  -k, --keep[=PATTERN]          when they are unloaded, their memory stays mapped\n"
         "  -h, --help                    this\n"
         "\n"
         "Exit status: that of COMMAND; 2 wrong usage, 126 it cannot be run, 127 there is none.");
    return STATUS_NOTHING;
}

static const struct option long_options[] = {
    {"leak-at-exit", optional_argument, NULL, 'l'}, {"keep", optional_argument, NULL, 'k'},
    {"help", no_argument, NULL, 'h'}, {0}};

/* A program that runs under `fini run` may ask for more. */
static bool set(const char *name, const char *pattern)
{
    return setenv(name, pattern ? pattern : "*", 1) == 0;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, bool *leak, bool *keep)
{
    for (int option; (option = getopt_long(argc, argv, "+l::k::h", long_options, NULL)) != -1;) {
        switch (option) {
        case 'l': *leak = set(AGENT_LEAK, optarg); break;
        case 'k': *keep = set(AGENT_KEEP, optarg); break;
        case 'h': return help();
        default: return command_misused("run", NULL);
        }
    }
    return -1;
}

int run_run(int argc, char **argv)
{
    bool leak = false, keep = false;
    int status = parse(argc, argv, &leak, &keep);
    if (status >= 0)
        return status;
    if (!leak && !keep)
        return command_misused("run", "nothing is asked for: --leak-at-exit, --keep");
    if (optind == argc)
        return command_misused("run", "no command");
    const char *why = refusal_found(argv[optind]);
    if (why) {
        text_error(argv[optind], "%s", why);
        return STATUS_ERROR;
    }
    if (!with_agent_environment(true, leak))
        return STATUS_ERROR;
    return with_agent_become(argv + optind);
}
