/* SPDX-License-Identifier: MIT
 *
 * trace_program.h - the process that is traced, as its parent sees it.
 *
 * Decides: its status is our status, and its death by a signal is ours. A signal that is sent to us
 * is passed on, and when the program stops, so do we; signals from the terminal it has had itself.
 */
#ifndef COMMAND_TRACE_PROGRAM_H
#define COMMAND_TRACE_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

/* ring: the descriptor. -1: errno says why not. */
pid_t program_start(char **command, int ring);
/* ret: as of waitpid. */
bool program_has_ended(int *ret);
/* To be called again and again. */
void program_stop_along(void);
/* Returns a status for a signal that does not kill. */
int program_die_of(int number);

#endif
