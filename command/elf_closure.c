/* SPDX-License-Identifier: MIT
 *
 * elf_closure.c - opens what an image needs, and looks up names in it.
 *
 * The order is glibc's (elf/dl-deps.c, elf/dl-lookup.c): breadth first; a name is looked for in the
 * program and its libraries, then in the opened image, then in what it needs.
 */
#include "elf_closure.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"

/* ---- members ------------------------------------------------------------------------------- */

/* The bytes from an address on; size 0 where there are none. */
static struct bytes bytes_at(const struct elf_view *view, uint64_t address)
{
    uint64_t offset, size;
    if (!elf_view_offset(view, address, &offset, &size))
        return (struct bytes){view->bytes, 0, false};
    return (struct bytes){view->bytes + offset, size, false};
}

static bool open_hash(struct elf_member *m)
{
    uint64_t address;
    if (!elf_view_tag(m->view, DT_GNU_HASH, &address) || address % 8)
        return false;
    struct bytes table = bytes_at(m->view, address);
    m->hash = (const uint32_t *)table.data;
    m->hash_words = table.size / 4;
    return m->hash_words >= 4 && (uintptr_t)m->hash % 4 == 0;
}

static void set_version(struct elf_member *m, unsigned index, uint64_t name)
{
    if (index < VERSIONS_MOST && name < m->view->strings_size)
        m->version[index] = m->view->strings + name;
}

/* What the image needs: lists of versions for each library. */
static void read_needed_versions(struct elf_member *m, const struct bytes *b)
{
    uint64_t at = 0, next;
    for (int i = 0; i < VERSIONS_MOST && bytes_has(b, at, 16); i++, at += next) {
        uint64_t aux = at + bytes_u32(b, at + 8), step;
        for (int j = bytes_u16(b, at + 2); j > 0 && bytes_has(b, aux, 16); j--, aux += step) {
            set_version(m, bytes_u16(b, aux + 6) & 0x7fff, bytes_u32(b, aux + 8));
            if (!(step = bytes_u32(b, aux + 12)))
                break;
        }
        if (!(next = bytes_u32(b, at + 12)))
            return;
    }
}

/* What it defines. The first is the file itself, which is no version. */
static void read_defined_versions(struct elf_member *m, const struct bytes *b)
{
    uint64_t at = 0, next;
    for (int i = 0; i < VERSIONS_MOST && bytes_has(b, at, 20); i++, at += next) {
        if (!(bytes_u16(b, at + 2) & VER_FLG_BASE))
            set_version(m, bytes_u16(b, at + 4) & 0x7fff,
                        bytes_u32(b, at + bytes_u32(b, at + 12)));
        if (!(next = bytes_u32(b, at + 16)))
            return;
    }
}

static void open_versions(struct elf_member *m)
{
    uint64_t address;
    if (!elf_view_tag(m->view, DT_VERSYM, &address))
        return;
    struct bytes table = bytes_at(m->view, address);
    if (table.size / 2 < m->view->symbol_count || (uintptr_t)table.data % 2)
        return;
    m->version_of = (const uint16_t *)table.data;
    if (elf_view_tag(m->view, DT_VERNEED, &address)) {
        table = bytes_at(m->view, address);
        read_needed_versions(m, &table);
    }
    if (elf_view_tag(m->view, DT_VERDEF, &address)) {
        table = bytes_at(m->view, address);
        read_defined_versions(m, &table);
    }
}

/* What the loader that runs here can load: of the same kind as this program. */
static bool is_native(const struct elf_view *view)
{
    return view->header.e_machine == EM_X86_64 && view->dynamic &&
           view->header.e_ident[EI_CLASS] == ELFCLASS64 &&
           view->header.e_ident[EI_DATA] == ELFDATA2LSB;
}

static struct elf_member *new_member(const struct elf_view *view, const char *path)
{
    struct elf_member *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->view = view ? view : &m->own;
    m->path = strdup(path);
    const char *end = m->path ? strrchr(m->path, '/') : NULL;
    m->name = end ? end + 1 : m->path;
    m->seeker = (struct elf_seeker){m->view, m->path, NULL};
    return m;
}

static bool map(struct elf_member *m, int fd)
{
    struct stat info;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size < 64)
        return false;
    m->device = info.st_dev;
    m->inode = info.st_ino;
    size_t size = (size_t)info.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    m->bytes = bytes;
    return elf_view_open(bytes, size, &m->own) == NULL && is_native(&m->own);
}

static void free_member(struct elf_member *m)
{
    if (m->bytes) {
        uint64_t size = m->own.size;
        elf_view_close(&m->own);
        munmap(m->bytes, size);
    }
    free(m->path);
    free(m);
}

static struct elf_member *open_member(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct elf_member *m = fd < 0 ? NULL : new_member(NULL, path);
    if (fd >= 0 && m && !map(m, fd)) {
        free_member(m);
        m = NULL;
    }
    if (fd >= 0)
        close(fd);
    return m;
}

/* ---- the closure --------------------------------------------------------------------------- */

static const char *soname(const struct elf_member *m)
{
    uint64_t at;
    return elf_view_tag(m->view, DT_SONAME, &at) && at < m->view->strings_size ?
           m->view->strings + at : m->name;
}

static bool find_by_name(const struct elf_closure *c, const char *name, size_t *ret)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(soname(c->member[i]), name) != 0 && strcmp(c->member[i]->name, name) != 0)
            continue;
        *ret = i;
        return true;
    }
    return false;
}

static bool append(struct elf_closure *c, struct elf_member *m, size_t *ret)
{
    if (c->count >= MEMBERS_MOST)
        return false;
    *ret = c->count;
    c->member[c->count++] = m;
    open_versions(m);
    return open_hash(m);
}

struct opening {
    struct elf_member *found;
};

static bool try_path(void *context, const char *path)
{
    struct opening *opening = context;
    opening->found = open_member(path);
    return opening->found != NULL;
}

static bool find_or_open(struct elf_closure *c, const struct elf_member *from, const char *name,
                         size_t *ret)
{
    struct opening opening = {NULL};
    if (find_by_name(c, name, ret))
        return true;
    elf_search(&from->seeker, name, try_path, &opening);
    if (!opening.found) {
        c->missing = name;
        c->missed_by = from->name;
        return false;
    }
    opening.found->seeker.loader = &from->seeker;
    for (size_t i = 0; i < c->count; i++) {
        if (c->member[i]->inode != opening.found->inode ||
            c->member[i]->device != opening.found->device)
            continue;
        free_member(opening.found);
        *ret = i;
        return true;
    }
    return append(c, opening.found, ret);
}

static bool open_needed(struct elf_closure *c, size_t index)
{
    struct elf_member *m = c->member[index];
    GElf_Dyn entry;
    for (size_t i = 0; i < m->view->dynamic_count; i++) {
        if (!gelf_getdyn(m->view->dynamic, (int)i, &entry) || entry.d_tag != DT_NEEDED ||
            entry.d_un.d_val >= m->view->strings_size)
            continue;
        size_t needed;
        if (!find_or_open(c, m, m->view->strings + entry.d_un.d_val, &needed))
            return false;
        if (m->needs_count < MEMBERS_MOST)
            m->needs[m->needs_count++] = needed;
    }
    return true;
}

/* What each program has. Where the image needs them they are members already. */
static bool open_resident(struct elf_closure *c)
{
    size_t ignored;
    static const char *const names[] = {"libc.so.6", "ld-linux-x86-64.so.2"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!find_or_open(c, c->member[0], names[i], &ignored))
            return false;
    return true;
}

bool elf_closure_open(const struct elf_view *view, const char *path, struct elf_closure *ret)
{
    size_t ignored;
    struct stat info = {0};
    memset(ret, 0, sizeof *ret);
    struct elf_member *first = is_native(view) ? new_member(view, path) : NULL;
    if (!first || !append(ret, first, &ignored))
        return false;
    if (stat(path, &info) == 0) {
        first->device = info.st_dev;
        first->inode = info.st_ino;
    }
    for (size_t i = 0; i < ret->count; i++)
        if (!open_needed(ret, i))
            return false;
    return open_resident(ret);
}

void elf_closure_close(struct elf_closure *closure)
{
    for (size_t i = 0; i < closure->count; i++)
        free_member(closure->member[i]);
}

/* ---- lookup -------------------------------------------------------------------------------- */

static uint32_t gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static bool is_definition(const GElf_Sym *symbol)
{
    int bind = GELF_ST_BIND(symbol->st_info), seen = GELF_ST_VISIBILITY(symbol->st_other);
    return symbol->st_shndx != SHN_UNDEF && bind != STB_LOCAL && seen != STV_HIDDEN &&
           seen != STV_INTERNAL;
}

/* As elf/dl-lookup.c, check_match. */
static bool version_fits(const struct elf_member *m, size_t symbol, const char *wanted)
{
    if (!m->version_of)
        return true;
    bool hidden = m->version_of[symbol] & 0x8000;
    unsigned index = m->version_of[symbol] & 0x7fff;
    const char *own = index < VERSIONS_MOST ? m->version[index] : NULL;
    if (!wanted || !own)
        return !hidden;
    return strcmp(own, wanted) == 0;
}

static bool find_in(const struct elf_member *m, const char *name, uint32_t hash,
                    const char *version, GElf_Sym *ret)
{
    uint64_t buckets = m->hash[0], first = m->hash[1];
    uint64_t bucket = 4 + (uint64_t)m->hash[2] * 2, chain = bucket + buckets;
    if (!buckets || chain > m->hash_words)
        return false;
    uint64_t symbol = m->hash[bucket + hash % buckets];
    for (; symbol >= first && chain + symbol - first < m->hash_words; symbol++) {
        uint32_t word = m->hash[chain + symbol - first];
        if ((word | 1) == (hash | 1)) {
            const char *own = elf_view_symbol(m->view, symbol, ret);
            if (own && strcmp(own, name) == 0 && is_definition(ret) &&
                version_fits(m, symbol, version))
                return true;
        }
        if (word & 1)
            break;
    }
    return false;
}

bool elf_closure_is_resident(const struct elf_member *m)
{
    return strcmp(m->name, "libc.so.6") == 0 || strcmp(m->name, "ld-linux-x86-64.so.2") == 0;
}

static const char *version_wanted(const struct elf_member *from, size_t symbol)
{
    unsigned index = from->version_of ? from->version_of[symbol] & 0x7fff : 0;
    return index < VERSIONS_MOST ? from->version[index] : NULL;
}

bool elf_closure_lookup(const struct elf_closure *closure, const struct elf_member *from,
                        size_t symbol, size_t *ret_member, bool *ret_unique)
{
    GElf_Sym found;
    const char *name = elf_view_symbol(from->view, symbol, &found);
    const char *version = version_wanted(from, symbol);
    if (!name || !*name)
        return false;
    uint32_t hash = gnu_hash(name);
    for (int resident = 1; resident >= 0; resident--)
        for (size_t i = 0; i < closure->count; i++) {
            const struct elf_member *m = closure->member[i];
            if (elf_closure_is_resident(m) != resident || !find_in(m, name, hash, version, &found))
                continue;
            *ret_member = i;
            *ret_unique = GELF_ST_BIND(found.st_info) == STB_GNU_UNIQUE;
            return true;
        }
    return false;
}
