/* SPDX-License-Identifier: MIT
 *
 * pin_elf.c - DF_1_NODELETE in the bytes of an ELF file.
 *
 * The mark is a bit of the entry DT_FLAGS_1 of the dynamic table. Where there is no such entry, the
 * first DT_NULL becomes one, if another DT_NULL follows: GNU ld leaves some, lld none. Clearing
 * takes such an entry back, so that a library that is pinned and unpinned is what it was. Not by
 * libelf, which lays a file out anew.
 */
#include <elf.h>
#include <string.h>

#include "bytes.h"
#include "pin.h"

struct table {
    struct bytes file;
    unsigned unit;             /* of a word */
    uint64_t start, count;     /* entries that fit */
    uint64_t flags, null;      /* numbers of entries; count: there is none */
};

static void put_word(const struct table *t, unsigned char *bytes, uint64_t at, uint64_t value)
{
    for (unsigned i = 0; i < t->unit; i++)
        bytes[at + (t->file.big_endian ? t->unit - 1 - i : i)] = (unsigned char)(value >> 8 * i);
}

static uint64_t tag_at(const struct table *t, uint64_t index)
{
    return t->start + index * 2 * t->unit;
}

static uint64_t tag(const struct table *t, uint64_t index)
{
    return bytes_number(&t->file, tag_at(t, index), t->unit);
}

static uint64_t value(const struct table *t, uint64_t index)
{
    return bytes_number(&t->file, tag_at(t, index) + t->unit, t->unit);
}

static const char *open_header(struct table *t, uint64_t *ret_segments, uint64_t *ret_count)
{
    const unsigned char *b = t->file.data;
    bool wide = t->file.size > EI_DATA && b[EI_CLASS] == ELFCLASS64;
    if (t->file.size < 64 || memcmp(b, ELFMAG, SELFMAG) != 0)
        return "not an ELF file";
    if ((b[EI_CLASS] != ELFCLASS32 && !wide) ||
        (b[EI_DATA] != ELFDATA2LSB && b[EI_DATA] != ELFDATA2MSB))
        return "damaged: not a whole ELF header";
    t->file.big_endian = b[EI_DATA] == ELFDATA2MSB;
    t->unit = wide ? 8 : 4;
    if (bytes_u16(&t->file, 16) != ET_DYN)
        return "not a shared library";
    *ret_segments = bytes_number(&t->file, wide ? 32 : 28, t->unit);
    *ret_count = bytes_u16(&t->file, wide ? 56 : 44);
    if (bytes_u16(&t->file, wide ? 54 : 42) != (wide ? 56 : 32) || *ret_count == PN_XNUM)
        return "damaged: program headers of another size";
    return bytes_has(&t->file, *ret_segments, *ret_count * (wide ? 56 : 32)) ? NULL :
           "damaged: the program headers are not in the file";
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

static const char *open_table(struct table *t)
{
    uint64_t segments, count, found = 0;
    const char *error = open_header(t, &segments, &count);
    bool wide = t->unit == 8;
    for (uint64_t i = 0; !error && i < count; i++) {
        uint64_t at = segments + i * (wide ? 56 : 32);
        if (bytes_u32(&t->file, at) != PT_DYNAMIC)
            continue;
        uint64_t size = bytes_number(&t->file, at + (wide ? 32 : 16), t->unit);
        t->start = bytes_number(&t->file, at + (wide ? 8 : 4), t->unit);
        t->count = size / (2 * t->unit);
        if (!bytes_has(&t->file, t->start, size))
            error = "damaged: the dynamic table is not in the file";
        else if (overlaps(t->start, size, 0, 64) ||
                 overlaps(t->start, size, segments, count * (wide ? 56 : 32)))
            error = "damaged: the dynamic table lies on the headers";
        if (++found > 1)
            error = "it has two dynamic tables: which one counts is the loader's choice";
    }
    return error || found ? error : "not a shared library: it has no dynamic table";
}

static const char *find_entries(struct table *t)
{
    t->flags = t->count;
    for (t->null = 0; t->null < t->count && tag(t, t->null) != DT_NULL; t->null++) {
        if (tag(t, t->null) != DT_FLAGS_1)
            continue;
        if (t->flags != t->count)
            return "it has DT_FLAGS_1 twice";
        t->flags = t->null;
    }
    if (t->null == t->count)
        return "damaged: the dynamic table has no end";
    if (t->flags != t->count && value(t, t->flags) & DF_1_PIE)
        return "a program: it is never unloaded";
    return NULL;
}

static const char *add_entry(struct table *t, unsigned char *bytes)
{
    if (t->null + 1 >= t->count || tag(t, t->null + 1) != DT_NULL)
        return "no spare entry in its dynamic table (lld leaves none): link it with -z nodelete";
    put_word(t, bytes, tag_at(t, t->null), DT_FLAGS_1);
    put_word(t, bytes, tag_at(t, t->null) + t->unit, DF_1_NODELETE);
    return NULL;
}

/* What loads code checks such signatures of the whole file, and would refuse it. */
static const char *refuse_signed(const struct bytes *file)
{
    static const char mark[] = "~Module signature appended~\n";
    uint64_t length = sizeof mark - 1;
    if (file->size >= length && memcmp(file->data + file->size - length, mark, length) == 0)
        return "it is signed: the signature would no longer fit";
    return NULL;
}

static void clear(struct table *t, unsigned char *bytes)
{
    uint64_t rest = value(t, t->flags) & ~(uint64_t)DF_1_NODELETE;
    if (rest == 0 && t->flags + 1 == t->null)
        put_word(t, bytes, tag_at(t, t->flags), DT_NULL);
    put_word(t, bytes, tag_at(t, t->flags) + t->unit, rest);
}

const char *pin_elf(unsigned char *bytes, size_t size, bool pinned, enum pin_change *ret)
{
    struct table t = {.file = {bytes, size, false}};
    const char *error = open_table(&t);
    if (!error)
        error = find_entries(&t);
    if (!error)
        error = refuse_signed(&t.file);
    if (error)
        return error;
    bool has_flags = t.flags != t.count;
    bool is_pinned = has_flags && value(&t, t.flags) & DF_1_NODELETE;
    *ret = is_pinned == pinned ? PIN_SAME : PIN_CHANGED;
    if (is_pinned == pinned)
        return NULL;
    if (!pinned)
        clear(&t, bytes);
    else if (has_flags)
        put_word(&t, bytes, tag_at(&t, t.flags) + t.unit, value(&t, t.flags) | DF_1_NODELETE);
    else
        return add_entry(&t, bytes);
    return NULL;
}
