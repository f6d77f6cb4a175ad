/* SPDX-License-Identifier: MIT
 *
 * live_images.c - see live_images.h.
 *
 * Dynamic tables are read from the memory of the process: the file may have been deleted or
 * replaced, and what counts is what the loader has seen. Every number may be wrong, so each loop
 * has an end of its own.
 */
#include "live_images.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"

enum {
    IMAGES_MOST = 4096, SPACES_MOST = 32, BOUND_MOST = 4096, ENTRIES_MOST = 512,
    NEEDED_MOST = 1000, NAMES_MOST = 16 << 20, SEGMENTS_MOST = 64, SYMBOLS_MOST = 1 << 20,
    UNIQUE = 10                 /* STB_GNU_UNIQUE */
};

/* As <link.h> has it since glibc 2.35: r_next counts where r_version is above 1. */
struct debug {
    struct r_debug base;
    uint64_t next;
};

/* ---- the list ------------------------------------------------------------------------------ */

static void read_bound(pid_t pid, uint64_t at, struct live_image *image)
{
    unsigned count = 0;
    if (!at)
        return;
    /* struct link_map_reldeps: unsigned act; struct link_map *list[]. */
    image->knows_bound = live_read_all(pid, at, &count, sizeof count) && count <= BOUND_MOST;
    uint64_t *list = image->knows_bound && count ? calloc(count, sizeof *list) : NULL;
    if (list && live_read_all(pid, at + sizeof(void *), list, count * sizeof *list)) {
        image->bound = list;
        image->bound_count = count;
        return;
    }
    free(list);
}

static void read_members(pid_t pid, const struct live_layout *layout, const unsigned char *map,
                         uint64_t size, struct live_image *image)
{
    uint64_t bound = 0;
    image->knows_opened = live_member_read(&layout->opened, map, size, &image->opened);
    image->knows_pinned = live_member_read(&layout->pinned, map, size, &image->pinned);
    image->knows_destructors = live_member_read(&layout->destructors, map, size,
                                                &image->destructors);
    image->knows_bound = live_member_read(&layout->bound, map, size, &bound);
    read_bound(pid, bound, image);
}

static struct live_image *add(struct live_images *images)
{
    struct live_image *list = NULL;
    if (images->count < IMAGES_MOST)
        list = realloc(images->list, (images->count + 1) * sizeof *list);
    if (!list)
        return NULL;
    images->list = list;
    memset(&list[images->count], 0, sizeof *list);
    return &list[images->count++];
}

static bool has(const struct live_images *images, uint64_t map)
{
    for (size_t i = 0; i < images->count; i++)
        if (images->list[i].map == map)
            return true;
    return false;
}

/* One list, from this struct link_map on. */
static bool read_list(const struct live_process *process, const struct live_layout *layout,
                      uint64_t map, unsigned space, struct live_images *images)
{
    unsigned char bytes[LIVE_MAP_SIZE];
    struct link_map public;
    while (map) {
        size_t got = live_read(process->reader, map, bytes, sizeof bytes);
        struct live_image *image = NULL;
        if (got >= sizeof public && !has(images, map))
            image = add(images);
        if (!image)
            return false;
        memcpy(&public, bytes, sizeof public);
        image->map = map;
        image->bias = public.l_addr;
        image->dynamic = (uintptr_t)public.l_ld;
        image->space = space;
        image->name = live_read_string(process->reader, (uintptr_t)public.l_name);
        read_members(process->reader, layout, bytes, got, image);
        map = (uintptr_t)public.l_next;
    }
    return true;
}

bool live_images_list(const struct live_process *process, const struct live_layout *layout,
                      struct live_images *ret)
{
    uint64_t at = process->debug;
    memset(ret, 0, sizeof *ret);
    for (unsigned space = 0; at && space < SPACES_MOST; space++) {
        struct debug debug = {.next = 0};
        bool whole = live_read_all(process->reader, at, &debug, sizeof debug);
        if (!whole && !live_read_all(process->reader, at, &debug.base, sizeof debug.base))
            break;
        ret->at_work |= debug.base.r_state != RT_CONSISTENT;
        ret->cut_off |= !read_list(process, layout, (uintptr_t)debug.base.r_map, space, ret);
        at = whole && debug.base.r_version > 1 && !process->is_musl ? debug.next : 0;
    }
    return ret->count != 0;
}

/* ---- the image itself ---------------------------------------------------------------------- */

struct table {
    pid_t pid;
    uint64_t strings, symbols, gnu_hash, hash;
    size_t *names;              /* bytes of them, in all images */
};

/* glibc writes addresses into the table where it may write; vDSO and some ports keep offsets. */
static uint64_t absolute(const struct live_image *image, uint64_t value)
{
    return value && value < image->bias ? value + image->bias : value;
}

static void read_range(pid_t pid, const struct live_mappings *mappings, struct live_image *image)
{
    const struct live_mapping *first = live_mapping_first(mappings, image->dynamic);
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[SEGMENTS_MOST];
    if (!first || !live_read_all(pid, first->start, &header, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phnum > SEGMENTS_MOST ||
        !live_read_all(pid, first->start + header.e_phoff, segments,
                       header.e_phnum * sizeof *segments))
        return;
    image->start = UINT64_MAX;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        uint64_t start = image->bias + segments[i].p_vaddr, end = start + segments[i].p_memsz;
        if (segments[i].p_type != PT_LOAD)
            continue;
        image->start = start < image->start ? start : image->start;
        image->end = end > image->end ? end : image->end;
    }
    if (image->start == UINT64_MAX)
        image->start = 0;
}

static void add_needed(struct live_image *image, char *name)
{
    char **list = NULL;
    if (name && image->needed_count < NEEDED_MOST)
        list = realloc(image->needed, (image->needed_count + 1) * sizeof *list);
    if (!list) {
        free(name);
        return;
    }
    image->needed = list;
    list[image->needed_count++] = name;
}

static size_t read_dynamic(pid_t pid, uint64_t at, ElfW(Dyn) *ret)
{
    size_t count = live_read(pid, at, ret, ENTRIES_MOST * sizeof *ret) / sizeof *ret;
    for (size_t i = 0; i < count; i++)
        if (ret[i].d_tag == DT_NULL)
            return i;
    return count;
}

static void note_table(struct table *t, const ElfW(Dyn) *entry, struct live_image *image)
{
    uint64_t value = entry->d_un.d_val;
    switch (entry->d_tag) {
    case DT_STRTAB: t->strings = absolute(image, value); break;
    case DT_SYMTAB: t->symbols = absolute(image, value); break;
    case DT_GNU_HASH: t->gnu_hash = absolute(image, value); break;
    case DT_HASH: t->hash = absolute(image, value); break;
    case DT_FLAGS_1: image->marked = (value & DF_1_NODELETE) != 0; break;
    }
}

/* Many tables may lead to one long name, so what counts is how much is kept. */
static char *read_name(const struct table *t, const ElfW(Dyn) *entry)
{
    char *name = *t->names > NAMES_MOST ? NULL :
                 live_read_string(t->pid, t->strings + entry->d_un.d_val);
    *t->names += name ? strlen(name) + 1 : 0;
    return name;
}

static void note_name(const struct table *t, const ElfW(Dyn) *entry, struct live_image *image)
{
    if (entry->d_tag == DT_NEEDED)
        add_needed(image, read_name(t, entry));
    if (entry->d_tag == DT_SONAME && !image->soname)
        image->soname = read_name(t, entry);
}

static void read_table(struct table *t, struct live_image *image)
{
    static ElfW(Dyn) entries[ENTRIES_MOST];
    size_t count = read_dynamic(t->pid, image->dynamic, entries);
    for (size_t i = 0; i < count; i++)
        note_table(t, &entries[i], image);
    for (size_t i = 0; t->strings && i < count; i++)
        note_name(t, &entries[i], image);
}

static uint32_t greatest(pid_t pid, uint64_t at, uint32_t count)
{
    uint32_t *list = calloc(count + 1u, sizeof *list), most = 0;
    if (list && live_read_all(pid, at, list, count * sizeof *list))
        for (uint32_t i = 0; i < count; i++)
            most = list[i] > most ? list[i] : most;
    free(list);
    return most;
}

/* The last word of a chain is odd. */
static uint32_t chain_end(pid_t pid, uint64_t chains, uint32_t at)
{
    uint32_t word = 0;
    while (at < SYMBOLS_MOST && !(word & 1))
        if (!live_read_all(pid, chains + at++ * sizeof word, &word, sizeof word))
            break;
    return at;
}

/* How many symbols there are: by the older table, else the last chain of the newer one. */
static size_t count_symbols(const struct table *t)
{
    uint32_t head[4], last;
    if (t->hash && live_read_all(t->pid, t->hash, head, 8))
        return head[1];
    if (!t->gnu_hash || !live_read_all(t->pid, t->gnu_hash, head, sizeof head))
        return 0;
    uint64_t buckets = t->gnu_hash + sizeof head + head[2] * sizeof(ElfW(Addr));
    uint64_t chains = buckets + head[0] * sizeof last;
    if (head[0] > SYMBOLS_MOST || head[2] > SYMBOLS_MOST)
        return 0;
    last = greatest(t->pid, buckets, head[0]);
    return last < head[1] ? head[1] :
           chain_end(t->pid, chains - head[1] * sizeof last, last);
}

static char *demangled(char *name)
{
    char text[320];
    if (!name)
        return NULL;
    demangle(name, text, sizeof text);
    free(name);
    return strdup(text);
}

static bool is_unique(const ElfW(Sym) *symbol)
{
    return symbol->st_info >> 4 == UNIQUE && symbol->st_shndx != SHN_UNDEF;
}

static void read_unique(const struct table *t, struct live_image *image)
{
    size_t count = t->symbols && t->strings ? count_symbols(t) : 0;
    if (count > SYMBOLS_MOST)
        return;
    ElfW(Sym) *list = count ? malloc(count * sizeof *list) : NULL;
    if (list && live_read_all(t->pid, t->symbols, list, count * sizeof *list))
        for (size_t i = 0; i < count && !image->unique; i++)
            if (is_unique(&list[i]))
                image->unique = demangled(live_read_string(t->pid, t->strings + list[i].st_name));
    free(list);
}

static void complete(const struct live_process *process, const struct live_mappings *mappings,
                     struct live_image *image, size_t *names)
{
    const struct live_mapping *mapping = live_mapping_of(mappings, image->dynamic);
    struct table table = {.pid = process->reader, .names = names};
    const char *path = image->name ? image->name : "";
    char file[LIVE_PATH_SIZE];
    if (mapping && mapping->path[0])
        path = mapping->path;
    else if (image->name && !image->name[0])
        path = process->program;
    image->path = strdup(path);
    read_range(process->reader, mappings, image);
    read_table(&table, image);
    read_unique(&table, image);
    image->file = mapping ? live_file_of(process, mapping, file) : FILE_NONE;
}

bool live_images_complete(const struct live_process *process, const struct live_mappings *mappings,
                          struct live_images *images)
{
    size_t names = 0;
    for (size_t i = 0; i < images->count && names <= NAMES_MOST; i++)
        complete(process, mappings, &images->list[i], &names);
    return names <= NAMES_MOST;
}

void live_images_free(struct live_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        struct live_image *image = &images->list[i];
        for (size_t j = 0; j < image->needed_count; j++)
            free(image->needed[j]);
        free(image->needed);
        free(image->bound);
        free(image->name);
        free(image->path);
        free(image->soname);
        free(image->unique);
    }
    free(images->list);
    memset(images, 0, sizeof *images);
}
