/* SPDX-License-Identifier: MIT
 *
 * agent_keep.c - memory of images that outlives them.
 *
 * The loader unmaps from l_map_start to l_map_end, two words side by side in the private part of
 * the link map, whose place differs from version to version (glibc elf/dl-close.c, _dl_unmap). As
 * both numbers are known, the place is found by looking for them. With an end that is the begin
 * munmap is asked for nothing and refuses, which the loader ignores. All else that it keeps of the
 * image goes, so that a later dlopen loads it anew, elsewhere.
 */
#include "agent_keep.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the link map; it has had 1100 to 1200 bytes since 2.17. */
enum { LOOK_AT = 1024 };

bool agent_matches(const char *pattern, const char *path)
{
    const char *base = strrchr(path, '/');
    return fnmatch(pattern, path, 0) == 0 || fnmatch(pattern, base ? base + 1 : path, 0) == 0;
}

static bool is_mapped(uintptr_t address)
{
    unsigned char in_core;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return mincore((void *)(address & -page), 1, &in_core) == 0;
}

/* The program's own headers are where the kernel says; those of a library lie at its begin. */
static const ElfW(Phdr) *headers(const struct link_map *map, bool is_program, size_t *count)
{
    const ElfW(Ehdr) *head = (const ElfW(Ehdr) *)map->l_addr;
    if (is_program) {
        *count = getauxval(AT_PHNUM);
        return (const ElfW(Phdr) *)getauxval(AT_PHDR);
    }
    if (!head || !is_mapped(map->l_addr) || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    *count = head->e_phnum;
    return (const ElfW(Phdr) *)((const char *)head + head->e_phoff);
}

void agent_keep_range(const struct link_map *map, bool is_program, uintptr_t *begin,
                      uintptr_t *end)
{
    size_t count = 0;
    const ElfW(Phdr) *header = headers(map, is_program, &count);
    uintptr_t low = UINTPTR_MAX, high = 0, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; header && i < count; i++) {
        if (header[i].p_type != PT_LOAD)
            continue;
        if (header[i].p_vaddr < low)
            low = header[i].p_vaddr;
        if (header[i].p_vaddr + header[i].p_memsz > high)
            high = header[i].p_vaddr + header[i].p_memsz;
    }
    if (high) {
        *begin = map->l_addr + (low & -page);
        *end = map->l_addr + high;
    }
}

void agent_keep_relro(const struct link_map *map, uintptr_t *begin, uintptr_t *end)
{
    size_t count = 0;
    const ElfW(Phdr) *header = headers(map, false, &count);
    for (size_t i = 0; header && i < count; i++) {
        if (header[i].p_type != PT_GNU_RELRO)
            continue;
        *begin = map->l_addr + header[i].p_vaddr;
        *end = *begin + header[i].p_memsz;
    }
}

/* The word behind the only one that is `begin` and is followed by `end`. */
static uintptr_t *find_end(struct link_map *map, uintptr_t begin, uintptr_t end)
{
    uintptr_t *word = (uintptr_t *)map, *found = NULL;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), rounded = (end + page - 1) & -page;
    for (size_t i = 0; i + 1 < LOOK_AT / sizeof *word; i++) {
        bool kept = word[i + 1] == begin;
        if (word[i] != begin || (!kept && (word[i + 1] < end || word[i + 1] > rounded)))
            continue;
        if (found)
            return NULL;
        found = &word[i + 1];
    }
    return found;
}

void agent_complain(const char *what, const char *name)
{
    if (write(2, what, strlen(what)) >= 0 && write(2, name, strlen(name)) >= 0)
        (void)!write(2, "\n", 1);
}

void agent_keep(struct link_map *map)
{
    uintptr_t begin = 0, end = 0;
    agent_keep_range(map, false, &begin, &end);
    uintptr_t *place = end ? find_end(map, begin, end) : NULL;
    if (place)
        *place = begin;
    else
        agent_complain("fini: this loader lets nothing be kept: ", map->l_name);
}
