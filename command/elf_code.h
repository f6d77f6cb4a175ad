/* SPDX-License-Identifier: MIT
 *
 * elf_code.h - what a piece of x86-64 code leaves in a register.
 *
 * Decides, as far as it can be told without following the flow of control: it knows how long
 * instructions are and which registers they write, and gives up at those of vectors with VEX and
 * others that are not known to it. Leaves to elf_calls.c where calls are.
 */
#ifndef COMMAND_ELF_CODE_H
#define COMMAND_ELF_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_CODE_RDX = 2, ELF_CODE_RSI = 6 }; /* as instructions number them */

/* Whether the code ends with a constant in the register, and which: its lower half. The beginning
 * may be in the middle of an instruction, the end may not. */
bool elf_code_constant(const unsigned char *code, size_t length, unsigned register_number,
                       uint32_t *ret);

#endif
