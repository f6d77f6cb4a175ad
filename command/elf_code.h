/* SPDX-License-Identifier: MIT
 *
 * elf_code.h - what a piece of x86-64 code leaves in a register.
 *
 * Decides, as far as it can be told without following the flow of control. Leaves to elf_calls.c
 * where calls are.
 */
#ifndef COMMAND_ELF_CODE_H
#define COMMAND_ELF_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELF_CODE_MOST = 48 }; /* bytes that are looked at, those before the end */

enum elf_code_register { ELF_CODE_RDX, ELF_CODE_RSI };

/* Whether the code ends with a constant in the register, and which. The beginning may be in the
 * middle of an instruction, the end may not. */
bool elf_code_constant(const unsigned char *code, size_t length, enum elf_code_register whole,
                       uint64_t *ret);

#endif
