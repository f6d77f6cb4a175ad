/* SPDX-License-Identifier: MIT
 *
 * elf_calls.h - where code of an image calls a function of another one, with which constant.
 *
 * Decides where the calls are, on x86-64 only. Leaves to elf_code.c what the arguments are.
 */
#ifndef COMMAND_ELF_CALLS_H
#define COMMAND_ELF_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "elf_view.h"

/* Calls the function with each address where a call of `name` stands, and the machine code of
 * up to 48 bytes before it. */
typedef void elf_call_fn(void *context, uint64_t address, const unsigned char *before,
                         size_t length);
void elf_calls(const struct elf_view *view, const char *name, elf_call_fn *each, void *context);

/* Whether the third argument is known to be 0; the second to have all these flags. */
bool elf_call_third_is_zero(const unsigned char *before, size_t length);
bool elf_call_second_has(const unsigned char *before, size_t length, uint32_t flags);

#endif
