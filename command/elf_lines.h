/* SPDX-License-Identifier: MIT
 *
 * elf_lines.h - file:line of code and of variables, from DWARF.
 *
 * Decides: the file's own debug data, or the separate file that its build id names. Nothing is
 * fetched from anywhere.
 */
#ifndef COMMAND_ELF_LINES_H
#define COMMAND_ELF_LINES_H

#include <elfutils/libdw.h>
#include <stdint.h>

struct elf_lines {
    Elf *separate;
    int fd;
    Dwarf *dwarf;               /* NULL: there is no debug data */
};

void elf_lines_open(Elf *elf, struct elf_lines *ret);
void elf_lines_close(struct elf_lines *lines);

/* Writes `file:line`, or nothing where it is not known. */
void elf_lines_of_code(struct elf_lines *lines, uint64_t address, char *ret, size_t size);

/* Variables by their linkage names: all of a set in one walk, which ends after a while in debug
 * data without an end. ret has a string of PLACE_SIZE for each name. */
struct elf_variable {
    const char *name;
    char *place;
};
void elf_lines_of_variables(struct elf_lines *lines, struct elf_variable *variables, size_t count);

#endif
