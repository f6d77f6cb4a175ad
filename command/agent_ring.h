/* SPDX-License-Identifier: MIT
 *
 * agent_ring.h - how the agent says something: from any thread, and from signal handlers.
 */
#ifndef COMMAND_AGENT_RING_H
#define COMMAND_AGENT_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "agent.h"

/* NULL: nobody listens. */
extern struct agent_ring *agent_ring;

/* This process is the one that is traced. */
bool agent_listens(void);

/* Errno is kept. Words that are not given are zero: see the macros. */
void agent_say(enum agent_type type, const uint64_t *words, const char *text, size_t length);
/* The same, and waits until all that was said has been understood. */
void agent_ask(enum agent_type type, const uint64_t *words, const char *text, size_t length);

#define AGENT_SAY(type, ...) agent_say(type, (uint64_t[AGENT_WORDS]){__VA_ARGS__}, NULL, 0)
#define AGENT_ASK(type, ...) agent_ask(type, (uint64_t[AGENT_WORDS]){__VA_ARGS__}, NULL, 0)

#endif
