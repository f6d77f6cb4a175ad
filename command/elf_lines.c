/* SPDX-License-Identifier: MIT
 *
 * elf_lines.c - see elf_lines.h.
 */
#include "elf_lines.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

enum { DEEPEST = 6, ENTRIES_MOST = 4000000 };

/* Where Debian's and Fedora's packages of debug data put it. */
static bool separate_path(Elf *elf, char *ret, size_t size)
{
    const void *id;
    ssize_t length = dwelf_elf_gnu_build_id(elf, &id);
    const unsigned char *byte = id;
    if (length < 2 || length > 64)
        return false;
    int at = snprintf(ret, size, "/usr/lib/debug/.build-id/%02x/", byte[0]);
    for (ssize_t i = 1; i < length; i++)
        at += snprintf(ret + at, size - (size_t)at, "%02x", byte[i]);
    snprintf(ret + at, size - (size_t)at, ".debug");
    return true;
}

static void open_separate(Elf *elf, struct elf_lines *lines)
{
    char path[256];
    if (!separate_path(elf, path, sizeof path))
        return;
    lines->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (lines->fd < 0)
        return;
    lines->separate = elf_begin(lines->fd, ELF_C_READ_MMAP, NULL);
    if (lines->separate)
        lines->dwarf = dwarf_begin_elf(lines->separate, DWARF_C_READ, NULL);
}

void elf_lines_open(Elf *elf, struct elf_lines *ret)
{
    *ret = (struct elf_lines){NULL, -1, dwarf_begin_elf(elf, DWARF_C_READ, NULL)};
    if (!ret->dwarf)
        open_separate(elf, ret);
}

void elf_lines_close(struct elf_lines *lines)
{
    if (lines->dwarf)
        dwarf_end(lines->dwarf);
    if (lines->separate)
        elf_end(lines->separate);
    if (lines->fd >= 0)
        close(lines->fd);
}

/* The end of the path is what tells files apart at a glance. */
static void put_place(const char *file, int line, char *ret, size_t size)
{
    const char *end = strrchr(file, '/');
    while (end && end > file && end[-1] != '/')
        end--;
    const char *shown = end && end > file ? end : file;
    snprintf(ret, size, "%s:%d", *shown == '/' ? shown + 1 : shown, line);
}

/* By the index of addresses, which gcc writes and clang does not, or else one unit after the
 * other. */
static bool unit_of(Dwarf *dwarf, uint64_t address, Dwarf_Die *ret)
{
    Dwarf_CU *unit = NULL;
    if (dwarf_addrdie(dwarf, address, ret))
        return true;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, ret, NULL) == 0)
        if (dwarf_haspc(ret, address) > 0)
            return true;
    return false;
}

void elf_lines_of_code(struct elf_lines *lines, uint64_t address, char *ret, size_t size)
{
    Dwarf_Die unit;
    int number;
    if (!lines->dwarf || !unit_of(lines->dwarf, address, &unit))
        return;
    Dwarf_Line *line = dwarf_getsrc_die(&unit, address);
    const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    if (file && dwarf_lineno(line, &number) == 0)
        put_place(file, number, ret, size);
}

struct variables {
    struct elf_variable *list;
    size_t count, left;
    long entries;
};

static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    if (dwarf_attr(die, DW_AT_linkage_name, &attribute))
        return dwarf_formstring(&attribute);
    return dwarf_diename(die);
}

/* A definition outside its class has its name and place in what it specifies. */
static void look_at(struct variables *variables, Dwarf_Die *die)
{
    const char *name = linkage_name(die), *file;
    int line;
    for (size_t i = 0; name && i < variables->count; i++) {
        struct elf_variable *v = &variables->list[i];
        if (v->place[0] || strcmp(v->name, name) != 0)
            continue;
        file = dwarf_decl_file(die);
        if (!file || dwarf_decl_line(die, &line) != 0)
            continue;
        put_place(file, line, v->place, PLACE_SIZE);
        variables->left--;
    }
}

static bool may_contain_variables(int tag)
{
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
        return true;
    default:
        return false;
    }
}

static void walk(struct variables *variables, Dwarf_Die *parent, int depth)
{
    Dwarf_Die die;
    if (depth > DEEPEST || dwarf_child(parent, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        if (variables->left == 0 || ++variables->entries > ENTRIES_MOST)
            return;
        if (tag == DW_TAG_variable || tag == DW_TAG_member)
            look_at(variables, &die);
        else if (may_contain_variables(tag))
            walk(variables, &die, depth + 1);
    } while (dwarf_siblingof(&die, &die) == 0);
}

void elf_lines_of_variables(struct elf_lines *lines, struct elf_variable *list, size_t count)
{
    struct variables variables = {list, count, count, 0};
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    if (!lines->dwarf)
        return;
    while (variables.left && variables.entries < ENTRIES_MOST &&
           dwarf_get_units(lines->dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0)
        walk(&variables, &die, 0);
}
