/* SPDX-License-Identifier: MIT
 *
 * code_x86.h - what a piece of x86-64 code leaves in a register.
 *
 * Decides, as far as it can be told without following the flow of control: of the plain
 * instructions with which compilers pass arguments it knows the lengths and what they write, and
 * it gives up at any other. Leaves to elf_calls.c where calls are.
 */
#ifndef COMMAND_CODE_X86_H
#define COMMAND_CODE_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { X86_RDX = 2, X86_RSI = 6 }; /* as instructions number them */

/* Whether the code ends with a constant in the register, and which: its lower half. The beginning
 * may be in the middle of an instruction, the end may not. */
bool x86_constant(const unsigned char *code, size_t length, unsigned register_number,
                  uint32_t *ret);

#endif
