/* SPDX-License-Identifier: MIT
 *
 * agent_leak.h - images whose finalizers do not run at exit.
 *
 * Decides: the audit library's copy of the agent keeps a table of the chosen images, for it is told
 * of each under the loader's lock; the preloaded copy changes them while exit() runs.
 */
#ifndef COMMAND_AGENT_LEAK_H
#define COMMAND_AGENT_LEAK_H

#include <link.h>
#include <stdbool.h>

struct agent_leaks;

/* In the audit library: NULL: none is asked for. */
struct agent_leaks *agent_leak_open(void);
void agent_leak_loaded(struct agent_leaks *leaks, const struct link_map *map);
void agent_leak_unloads(struct agent_leaks *leaks, const struct link_map *map);

/* In the preloaded copy, before any constructor. */
void agent_leak_start(struct agent_leaks *leaks);
/* Or exit() is called before: by a constructor. */
void agent_leak_main_begins(void);

/* What to do in place of libc's functions. Each passes on what is not chosen. */
int agent_leak_atexit(void (*function)(void *), void *argument, void *owner);
int agent_leak_on_exit(void (*function)(int, void *), void *argument);
int agent_leak_dlclose(void *handle);
void agent_leak_finalize(void *owner);

#endif
