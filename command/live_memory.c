/* SPDX-License-Identifier: MIT
 *
 * live_memory.c - see live_memory.h.
 */
#include "live_memory.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRING_MOST = 4096, NOTES_MOST = 4096, SEGMENTS_MOST = 64 };

bool live_read_all(pid_t pid, uint64_t address, void *ret, size_t size)
{
    return live_read(pid, address, ret, size) == size;
}

char *live_read_string(pid_t pid, uint64_t address)
{
    char buffer[STRING_MOST];
    size_t got = address ? live_read(pid, address, buffer, 256) : 0;
    if (got == 256 && !memchr(buffer, '\0', got))
        got += live_read(pid, address + got, buffer + got, sizeof buffer - got);
    return got && memchr(buffer, '\0', got) ? strdup(buffer) : NULL;
}

/* ---- mappings ------------------------------------------------------------------------------ */

static bool parse(char *line, struct live_mapping *ret)
{
    static const char deleted[] = " (deleted)";
    unsigned long long start, end, offset, inode;
    char rights[5];
    int at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, rights, &offset,
               &ret->major, &ret->minor, &inode, &at) != 7)
        return false;
    size_t length = strlen(line + at), tail = sizeof deleted - 1;
    ret->start = start;
    ret->end = end;
    ret->offset = offset;
    ret->inode = inode;
    ret->executable = rights[2] == 'x';
    ret->deleted = length > tail && strcmp(line + at + length - tail, deleted) == 0;
    ret->path = strndup(line + at, ret->deleted ? length - tail : length);
    return ret->path != NULL;
}

bool live_mappings_parse(FILE *file, struct live_mappings *ret)
{
    char *line = NULL;
    size_t size = 0;
    memset(ret, 0, sizeof *ret);
    while (getline(&line, &size, file) > 0) {
        struct live_mapping *list = realloc(ret->list, (ret->count + 1) * sizeof *list);
        if (!list)
            break;
        ret->list = list;
        ret->count += parse(line, &list[ret->count]);
    }
    free(line);
    return ret->count != 0;
}

bool live_mappings_read(pid_t pid, struct live_mappings *ret)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    memset(ret, 0, sizeof *ret);
    errno = 0; /* and stays so where the memory has gone */
    FILE *file = fopen(path, "re");
    bool read = file && live_mappings_parse(file, ret);
    if (file)
        fclose(file);
    return read;
}

void live_mappings_free(struct live_mappings *mappings)
{
    for (size_t i = 0; i < mappings->count; i++)
        free(mappings->list[i].path);
    free(mappings->list);
}

const struct live_mapping *live_mapping_of(const struct live_mappings *mappings, uint64_t address)
{
    for (size_t i = 0; i < mappings->count; i++)
        if (address >= mappings->list[i].start && address < mappings->list[i].end)
            return &mappings->list[i];
    return NULL;
}

static bool same_file(const struct live_mapping *a, const struct live_mapping *b)
{
    return a->inode == b->inode && a->major == b->major && a->minor == b->minor &&
           strcmp(a->path, b->path) == 0;
}

const struct live_mapping *live_mapping_first(const struct live_mappings *mappings,
                                              uint64_t address)
{
    const struct live_mapping *of = live_mapping_of(mappings, address), *best = NULL;
    for (size_t i = 0; of && i < mappings->count && mappings->list[i].start <= of->start; i++) {
        const struct live_mapping *m = &mappings->list[i];
        if (m->offset == 0 && same_file(m, of))
            best = m;
    }
    return best;
}

uint64_t live_mappings_size(const struct live_mappings *mappings, const struct live_mapping *of)
{
    uint64_t size = 0;
    for (size_t i = 0; i < mappings->count; i++)
        if (same_file(&mappings->list[i], of))
            size += mappings->list[i].end - mappings->list[i].start;
    return size;
}

/* ---- build ids ----------------------------------------------------------------------------- */

void live_hexadecimal(const unsigned char *bytes, size_t count, char *ret)
{
    for (size_t i = 0; i < count; i++)
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static bool id_in_notes(const unsigned char *notes, size_t size, char ret[BUILD_ID_SIZE])
{
    ElfW(Nhdr) note;
    for (size_t at = 0; size - at >= sizeof note;) {
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note, data = name + ((note.n_namesz + (size_t)3) & ~(size_t)3);
        if (data > size || note.n_descsz > size - data)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 && note.n_descsz <= 64 && note.n_descsz > 1) {
            live_hexadecimal(notes + data, note.n_descsz, ret);
            return true;
        }
        at = data + ((note.n_descsz + (size_t)3) & ~(size_t)3);
        if (at > size)
            return false;
    }
    return false;
}

bool live_build_id(pid_t pid, uint64_t base, char ret[BUILD_ID_SIZE])
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;
    unsigned char notes[NOTES_MOST];
    if (!base || !live_read_all(pid, base, &header, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    for (unsigned i = 0; i < header.e_phnum && i < SEGMENTS_MOST; i++) {
        if (!live_read_all(pid, base + header.e_phoff + i * sizeof segment, &segment,
                           sizeof segment))
            return false;
        if (segment.p_type == PT_NOTE && segment.p_memsz <= sizeof notes &&
            live_read_all(pid, base + segment.p_vaddr, notes, segment.p_memsz) &&
            id_in_notes(notes, segment.p_memsz, ret))
            return true;
    }
    return false;
}
