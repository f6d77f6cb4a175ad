/* SPDX-License-Identifier: MIT
 *
 * with_agent.h - how a program is started with the agent in it.
 */
#ifndef COMMAND_WITH_AGENT_H
#define COMMAND_WITH_AGENT_H

#include <stdbool.h>

/* Puts the agent before what the environment asks the loader for already. False: the agent is not
 * there, which has been said, or no memory. */
bool with_agent_environment(bool audit, bool preload);

/* Becomes the program, looked for as a shell does. Returns the status for not being able to, as
 * shells have it: 127 there is none, 126 it cannot be run; what was wrong has been said. */
int with_agent_become(char **command);

#endif
