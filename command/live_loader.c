/* SPDX-License-Identifier: MIT
 *
 * live_loader.c - see live_loader.h. All of it is read from the memory of the process.
 */
#include "live_loader.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live_memory.h"

enum { SEGMENTS_MOST = 64, ENTRIES_MOST = 512, EXPORTS_MOST = 4096 };

static bool fail(struct live_process *p, const char *why)
{
    snprintf(p->error, sizeof p->error, "%s", why);
    return false;
}

/* Where the image is whose auxiliary vector it is: its program, or the loader that was called by
 * name with the program as an argument. */
struct main_image {
    uint64_t bias, dynamic, interpreter;
};

static bool read_segments(struct live_process *p, const struct live_auxiliary *a,
                          const ElfW(Ehdr) *header, struct main_image *ret)
{
    ElfW(Phdr) segments[SEGMENTS_MOST];
    size_t count = a->segment_count < SEGMENTS_MOST ? a->segment_count : SEGMENTS_MOST;
    if (!live_read_all(p->reader, a->segments, segments, count * sizeof *segments)) {
        live_process_refused(p, errno);
        return false;
    }
    memset(ret, 0, sizeof *ret);
    ret->bias = a->entry - header->e_entry;
    for (size_t i = 0; i < count; i++) {
        if (segments[i].p_type == PT_DYNAMIC)
            ret->dynamic = ret->bias + segments[i].p_vaddr;
        if (segments[i].p_type == PT_INTERP)
            ret->interpreter = ret->bias + segments[i].p_vaddr;
    }
    return true;
}

static uint64_t tag(pid_t pid, uint64_t dynamic, int64_t wanted)
{
    ElfW(Dyn) entry;
    for (int i = 0; i < ENTRIES_MOST; i++) {
        if (!live_read_all(pid, dynamic + i * sizeof entry, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL)
            return 0;
        if (entry.d_tag == wanted)
            return entry.d_un.d_val;
    }
    return 0;
}

/* A loader that was called by name has no DT_DEBUG (a static program has one, for itself): it
 * exports the structure as _r_debug. In each loader there is, the names follow the symbols. */
static uint64_t exported(pid_t pid, const struct main_image *image)
{
    uint64_t symbols = tag(pid, image->dynamic, DT_SYMTAB);
    uint64_t strings = tag(pid, image->dynamic, DT_STRTAB), at = 0;
    uint64_t bias_of_tables = symbols < image->bias ? image->bias : 0;
    for (uint64_t i = symbols, n = 0; !at && symbols && i < strings && n < EXPORTS_MOST; n++) {
        ElfW(Sym) symbol;
        if (!live_read_all(pid, bias_of_tables + i, &symbol, sizeof symbol))
            break;
        i += sizeof symbol;
        char *name = live_read_string(pid, bias_of_tables + strings + symbol.st_name);
        if (name && strcmp(name, "_r_debug") == 0)
            at = image->bias + symbol.st_value;
        free(name);
    }
    return at;
}

static bool find_debug(struct live_process *p, const struct live_auxiliary *a,
                       const struct main_image *image)
{
    char *interpreter = live_read_string(p->reader, image->interpreter);
    const char *name = interpreter ? interpreter : p->program, *end = strrchr(name, '/');
    p->is_musl = strncmp(end ? end + 1 : name, "ld-musl", 7) == 0;
    free(interpreter);
    p->loader = a->base ? a->base : image->bias;
    if (!image->interpreter && !a->base && image->dynamic)
        p->debug = exported(p->reader, image);
    else if (image->dynamic)
        p->debug = tag(p->reader, image->dynamic, DT_DEBUG);
    if (p->debug)
        return true;
    if (!image->interpreter)
        return fail(p, "a static program: it has no loader that could be asked");
    return fail(p, "its loader has not begun yet");
}

bool live_loader_find(struct live_process *process, const struct live_auxiliary *auxiliary,
                      const ElfW(Ehdr) *header)
{
    struct main_image image;
    return read_segments(process, auxiliary, header, &image) &&
           find_debug(process, auxiliary, &image);
}
