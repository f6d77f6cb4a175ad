/* SPDX-License-Identifier: MIT
 *
 * elf_search.h - where the loader looks for a library that is needed: ld.so(8).
 */
#ifndef COMMAND_ELF_SEARCH_H
#define COMMAND_ELF_SEARCH_H

#include <stdbool.h>

#include "elf_view.h"

/* Who needs it, and because of whom that was loaded; NULL: it is the first. */
struct elf_seeker {
    const struct elf_view *view;
    const char *path;
    const struct elf_seeker *loader;
};

/* Calls `try` with one path after the other until it says true. */
void elf_search(const struct elf_seeker *from, const char *name,
                bool (*try)(void *context, const char *path), void *context);

#endif
