/* SPDX-License-Identifier: MIT
 *
 * agent_keep.h - where an image lies, and how it stays there.
 */
#ifndef COMMAND_AGENT_KEEP_H
#define COMMAND_AGENT_KEEP_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Nothing is written where it is not known. */
void agent_keep_range(const struct link_map *map, bool is_program, uintptr_t *begin,
                      uintptr_t *end);

/* What the loader protects when the image has been bound. */
void agent_keep_relro(const struct link_map *map, uintptr_t *begin, uintptr_t *end);

/* Its memory is not given back when the loader lets it go. From la_objclose only. */
void agent_keep(struct link_map *map);

/* On standard error: nothing is silently not done. */
void agent_complain(const char *what, const char *name);

/* A pattern of the shell for the path or for what is behind the last slash. */
bool agent_matches(const char *pattern, const char *path);

#endif
