/* SPDX-License-Identifier: MIT
 *
 * live_copy.c - see live_copy.h.
 */
#include "live_copy.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "live_memory.h"

enum { IMAGE_MOST = 512 << 20, SEGMENTS_MOST = 64 };

struct headers {
    ElfW(Ehdr) file;
    ElfW(Phdr) segments[SEGMENTS_MOST];
};

static bool read_headers(pid_t pid, uint64_t base, struct headers *ret)
{
    return live_read_all(pid, base, &ret->file, sizeof ret->file) &&
           memcmp(ret->file.e_ident, ELFMAG, SELFMAG) == 0 && ret->file.e_phnum <= SEGMENTS_MOST &&
           live_read_all(pid, base + ret->file.e_phoff, ret->segments,
                         ret->file.e_phnum * sizeof *ret->segments);
}

static uint64_t end_in_file(const ElfW(Phdr) *s)
{
    bool counts = s->p_type == PT_LOAD && s->p_filesz <= IMAGE_MOST && s->p_offset <= IMAGE_MOST;
    return counts ? s->p_offset + s->p_filesz : 0;
}

static uint64_t size_in_file(const struct headers *headers)
{
    uint64_t size = 0;
    for (size_t i = 0; i < headers->file.e_phnum; i++)
        if (end_in_file(&headers->segments[i]) > size)
            size = end_in_file(&headers->segments[i]);
    return size;
}

/* The segments at their places in the file. */
static void copy_segments(pid_t pid, uint64_t base, const struct headers *headers, char *copy)
{
    const ElfW(Phdr) *segments = headers->segments;
    uint64_t bias = base;
    for (size_t i = headers->file.e_phnum; i-- > 0;)
        if (segments[i].p_type == PT_LOAD)
            bias = base - (segments[i].p_vaddr - segments[i].p_offset);
    for (size_t i = 0; i < headers->file.e_phnum; i++)
        if (end_in_file(&segments[i]))
            live_read(pid, bias + segments[i].p_vaddr, copy + segments[i].p_offset,
                      segments[i].p_filesz);
}

/* The table of sections is seldom in memory. */
static void put_header(const ElfW(Ehdr) *file, uint64_t size, char *copy)
{
    ElfW(Ehdr) header = *file;
    uint64_t sections = (uint64_t)header.e_shnum * header.e_shentsize;
    if (header.e_shoff > size || sections > size - header.e_shoff)
        header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
    memcpy(copy, &header, sizeof header);
}

char *live_copy_image(pid_t pid, uint64_t base, uint64_t mapped, size_t *ret_size)
{
    struct headers headers;
    if (!read_headers(pid, base, &headers))
        return NULL;
    uint64_t size = size_in_file(&headers);
    bool sound = size > sizeof headers.file && size <= IMAGE_MOST && size <= mapped;
    char *copy = sound ? calloc(1, size) : NULL;
    if (!copy)
        return NULL;
    copy_segments(pid, base, &headers, copy);
    put_header(&headers.file, size, copy);
    *ret_size = size;
    return copy;
}
