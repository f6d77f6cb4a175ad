/* SPDX-License-Identifier: MIT
 *
 * elf_search.h - where the loader looks for a library that is needed: ld.so(8).
 */
#ifndef COMMAND_ELF_SEARCH_H
#define COMMAND_ELF_SEARCH_H

#include <stdbool.h>

#include "elf_view.h"

/* Calls `try` with one path after the other until it says true. */
void elf_search(const struct elf_view *from, const char *from_path, const char *name,
                bool (*try)(void *context, const char *path), void *context);

#endif
