/* SPDX-License-Identifier: MIT
 *
 * elf_view.h - an ELF image as the loader sees it: by its program headers, since section headers
 * may be missing or false.
 *
 * Decides: where the dynamic table, symbols, strings and relocations are. Leaves to libelf the
 * classes and byte orders, and to image_elf.c what all that means.
 */
#ifndef COMMAND_ELF_VIEW_H
#define COMMAND_ELF_VIEW_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_view {
    Elf *elf;
    GElf_Ehdr header;
    size_t segments;
    bool is_debug_data;         /* of another file, without its code */
    const unsigned char *bytes; /* of the file */
    uint64_t size;
    Elf_Data *dynamic;          /* NULL: static */
    size_t dynamic_count;       /* entries before DT_NULL */
    Elf_Data *symbols;
    size_t symbol_count;
    const char *strings;
    uint64_t strings_size;      /* the last byte is 0 */
};

/* NULL, or why it cannot be read. The view is to be closed in both cases. */
const char *elf_view_open(const void *bytes, size_t size, struct elf_view *ret);
void elf_view_close(struct elf_view *view);

/* Object files, core files and files of debug data are not. */
bool elf_view_is_linked(const struct elf_view *view);

bool elf_view_segment(const struct elf_view *view, size_t index, GElf_Phdr *ret);

/* The last value of a tag, which is the one that glibc uses. */
bool elf_view_tag(const struct elf_view *view, int64_t tag, uint64_t *ret);

/* Where an address is in the file, and how much of its segment is there from it on. */
bool elf_view_offset(const struct elf_view *view, uint64_t address, uint64_t *ret_offset,
                     uint64_t *ret_size);

/* The name of symbol number `index`, NULL where there is none. */
const char *elf_view_symbol(const struct elf_view *view, size_t index, GElf_Sym *ret);

/* Calls the function for each dynamic relocation. */
struct elf_relocation {
    uint64_t offset;
    uint32_t type, symbol;
};
void elf_view_relocations(const struct elf_view *view,
                          void (*each)(void *context, const struct elf_relocation *r),
                          void *context);

/* The name of the section that an address is in; NULL where there is none. */
const char *elf_view_section(const struct elf_view *view, uint64_t address);

/* The first section of that name, its number in file. */
Elf_Scn *elf_view_section_named(const struct elf_view *view, const char *name);

#endif
