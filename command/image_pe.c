/* SPDX-License-Identifier: MIT
 *
 * image_pe.c - what a Windows DLL says of its unloading: by the functions that it imports.
 *
 * Own, because nothing in Debian that is kept reads PE for others: libbfd promises no interface,
 * LLVM's C interface does not tell imports, pev's libpe has had no release since 2021.
 */
#include <stdio.h>

#include "bytes.h"
#include "image.h"

enum {
    SECTIONS_MOST = 96,      /* what Windows loads */
    LIBRARIES_MOST = 4096, NAMES_MOST = 65536,
    IMPORT_DIRECTORY = 1, DELAY_DIRECTORY = 13,
    IS_DLL = 0x2000
};

struct pe {
    struct bytes file;
    uint64_t sections, section_count;
    uint64_t directories, directory_count;
    bool wide;               /* PE32+ */
    long names_left;         /* a table may lead back into itself: no more than so many in all */
    bool module_handle, fls_alloc, fls_free;
    char module_handle_name[32];
};

/* Where an address is in the file; one outside is at its end. */
static uint64_t offset_of(const struct pe *pe, uint32_t address)
{
    for (uint64_t i = 0; i < pe->section_count; i++) {
        uint64_t section = pe->sections + i * 40;
        uint32_t start = bytes_u32(&pe->file, section + 12);
        uint32_t size = bytes_u32(&pe->file, section + 16);
        if (address >= start && address - start < size)
            return (uint64_t)bytes_u32(&pe->file, section + 20) + (address - start);
    }
    return pe->file.size;
}

static void look_at_name(struct pe *pe, const char *name)
{
    if (strncmp(name, "GetModuleHandleEx", 17) == 0) {
        pe->module_handle = true;
        snprintf(pe->module_handle_name, sizeof pe->module_handle_name, "%s", name);
    } else if (strcmp(name, "FlsAlloc") == 0) {
        pe->fls_alloc = true;
    } else if (strcmp(name, "FlsFree") == 0) {
        pe->fls_free = true;
    }
}

/* The list of what is imported from one library. An entry with its highest bit set is a number. */
static void look_at_names(struct pe *pe, uint32_t address)
{
    unsigned unit = pe->wide ? 8 : 4;
    uint64_t at = offset_of(pe, address);
    for (; bytes_has(&pe->file, at, unit) && pe->names_left > 0; at += unit, pe->names_left--) {
        uint64_t entry = bytes_number(&pe->file, at, unit);
        if (entry == 0)
            return;
        if (entry >> (unit * 8 - 1))
            continue;
        const char *name = bytes_name(&pe->file, offset_of(pe, (uint32_t)entry) + 2);
        if (name)
            look_at_name(pe, name);
    }
}

static uint32_t directory(const struct pe *pe, unsigned index)
{
    return index < pe->directory_count ? bytes_u32(&pe->file, pe->directories + index * 8) : 0;
}

/* Entries of `size` bytes, with a list of names at one or the other place. */
static void look_at_imports(struct pe *pe, uint32_t address, unsigned size, unsigned names,
                            unsigned others)
{
    uint64_t at = address ? offset_of(pe, address) : pe->file.size;
    for (int i = 0; i < LIBRARIES_MOST && bytes_has(&pe->file, at, size); i++, at += size) {
        uint32_t list = bytes_u32(&pe->file, at + names);
        if (!list)
            list = bytes_u32(&pe->file, at + others);
        if (!list)
            return;
        look_at_names(pe, list);
    }
}

static bool open_pe(struct pe *pe, struct image *image)
{
    uint64_t header = bytes_u32(&pe->file, 0x3c);
    uint64_t optional = header + 24;
    if (bytes_u32(&pe->file, header) != 0x4550) {
        image->kind = KIND_OTHER; /* a program for DOS, say */
        return false;
    }
    uint16_t magic = bytes_u16(&pe->file, optional);
    pe->wide = magic == 0x20b;
    pe->section_count = bytes_u16(&pe->file, header + 6);
    pe->sections = optional + bytes_u16(&pe->file, header + 20);
    pe->directories = optional + (pe->wide ? 112 : 96);
    pe->directory_count = bytes_u32(&pe->file, pe->directories - 4);
    image->kind = bytes_u16(&pe->file, header + 22) & IS_DLL ? KIND_LIBRARY : KIND_PROGRAM;
    if ((!pe->wide && magic != 0x10b) || pe->section_count > SECTIONS_MOST ||
        !bytes_has(&pe->file, pe->sections, pe->section_count * 40))
        image_fail(image, "damaged: not a whole PE header");
    return !image->error[0];
}

void image_pe_read(const void *bytes, size_t size, struct image *image)
{
    struct pe pe = {.file = {bytes, size, false}, .names_left = NAMES_MOST};
    if (!open_pe(&pe, image))
        return;
    look_at_imports(&pe, directory(&pe, IMPORT_DIRECTORY), 20, 0, 16);
    look_at_imports(&pe, directory(&pe, DELAY_DIRECTORY), 32, 16, 12);
    if (pe.module_handle)
        image_add(image, FINDING_PE_PINS, pe.module_handle_name, "imports");
    if (pe.fls_alloc && !pe.fls_free)
        image_add(image, FINDING_PE_FIBER_LOCAL, "FlsAlloc", "imports");
}
