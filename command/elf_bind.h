/* SPDX-License-Identifier: MIT
 *
 * elf_bind.h - whether an image stays because of what the loader binds to it.
 *
 * Decides, by doing what glibc does at dlopen in a program that has nothing but libc: who first
 * defines a unique symbol, and which libraries that never unload have been bound to which others.
 */
#ifndef COMMAND_ELF_BIND_H
#define COMMAND_ELF_BIND_H

#include <stdbool.h>
#include <stddef.h>

#include "elf_closure.h"

enum { BOUND_SHOWN = 8, BOUND_NAME = 256 };

struct elf_bound {
    size_t total;                 /* symbols of it that resident libraries use */
    char symbol[BOUND_SHOWN][BOUND_NAME];
    char user[BOUND_SHOWN][BOUND_NAME];
};

/* all: also what is bound only when it is called first, unless the program asked for RTLD_NOW.
 * owns, one for each symbol of the image: it is a unique one, and the first of its name. */
void elf_bind(const struct elf_closure *closure, bool all, unsigned char *owns,
              struct elf_bound *ret);

#endif
