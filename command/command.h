/* SPDX-License-Identifier: MIT
 *
 * command.h - the commands of `fini`.
 *
 * Decides what a command is: a function that is given its own arguments, argv[0] being its name,
 * and whose answer is the exit status. A new one is a file with that function and a line in the
 * table of main.c.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

enum { STATUS_NOTHING = 0, STATUS_FINDINGS = 1, STATUS_ERROR = 2 };

struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};

/* For wrong arguments of `fini NAME`: says it if there is something to say, where help is, and
 * returns STATUS_ERROR. */
int command_misused(const char *name, const char *what);

/* Returns the status, or STATUS_ERROR when standard output did not take it all. */
int command_finish(int status);

/* For a command that starts processes of its own: who ignores SIGCHLD, and hands that down, takes
 * from wait() what became of them. `fini run` and `fini trace` hand it down. */
void command_await_children(void);

int check_run(int argc, char **argv);
int pin_run(int argc, char **argv);
int run_run(int argc, char **argv);
int trace_run(int argc, char **argv);
int why_run(int argc, char **argv);

#endif
