/* SPDX-License-Identifier: MIT
 *
 * live_record.c - writes down what `fini why` reads from a process, for live_fuzz.c to begin with.
 *
 * Usage: live_record PID FILE. Of each read only the beginning is kept: what is long is alike.
 */
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "live_images.h"
#include "live_input.h"
#include "live_process.h"

enum { READ_MOST = 1200, PIECES_MOST = 65536 };

struct piece {
    uint64_t begin, end;
};

static struct piece pieces[PIECES_MOST];
static size_t piece_count;
static pid_t recorded;          /* the trial of the loader's layout reads our own memory */

static size_t copy(pid_t pid, uint64_t address, void *ret, size_t size)
{
    struct iovec here = {ret, size}, there = {(void *)(uintptr_t)address, size};
    ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
    return got > 0 ? (size_t)got : 0;
}

/* Instead of live_read.c. */
size_t live_read(pid_t pid, uint64_t address, void *ret, size_t size)
{
    size_t got = copy(pid, address, ret, size);
    if (got && pid == recorded && piece_count < PIECES_MOST)
        pieces[piece_count++] = (struct piece){
            address, address + (got < READ_MOST ? got : READ_MOST)};
    return got;
}

static int by_address(const void *a, const void *b)
{
    const struct piece *one = a, *other = b;
    return (one->begin > other->begin) - (one->begin < other->begin);
}

static void merge(void)
{
    size_t count = 0;
    qsort(pieces, piece_count, sizeof *pieces, by_address);
    for (size_t i = 0; i < piece_count; i++)
        if (count && pieces[i].begin <= pieces[count - 1].end)
            pieces[count - 1].end = pieces[i].end > pieces[count - 1].end ? pieces[i].end :
                                    pieces[count - 1].end;
        else
            pieces[count++] = pieces[i];
    piece_count = count;
}

static void put(FILE *file, uint64_t address, const void *bytes, size_t length)
{
    struct input_piece piece = {address, (uint32_t)length, 0};
    fwrite(&piece, sizeof piece, 1, file);
    fwrite(bytes, 1, length, file);
}

static void put_maps(FILE *file, pid_t pid)
{
    static char text[65536];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    size_t length = maps ? fread(text, 1, sizeof text, maps) : 0;
    put(file, 0, text, length);
}

static void put_memory(FILE *file, pid_t pid)
{
    for (size_t i = 0; i < piece_count; i++) {
        size_t length = pieces[i].end - pieces[i].begin;
        char *bytes = malloc(length);
        if (!bytes || copy(pid, pieces[i].begin, bytes, length) != length)
            exit(1);
        put(file, pieces[i].begin, bytes, length);
        free(bytes);
    }
}

static void read_head(pid_t pid, struct input_head *ret)
{
    char path[64];
    ElfW(auxv_t) entry;
    ElfW(Ehdr) header;
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fread(&entry, sizeof entry, 1, file) == 1) {
        switch (entry.a_type) {
        case AT_PHDR: ret->segments = entry.a_un.a_val; break;
        case AT_PHNUM: ret->segment_count = entry.a_un.a_val; break;
        case AT_BASE: ret->base = entry.a_un.a_val; break;
        case AT_ENTRY: ret->entry = entry.a_un.a_val; break;
        }
    }
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    FILE *program = fopen(path, "r");
    if (program && fread(&header, sizeof header, 1, program) == 1)
        ret->file_entry = header.e_entry;
}

static void put_layout(const struct live_layout *layout, struct input_head *ret)
{
    const struct live_member *members[INPUT_MEMBERS] = {&layout->opened, &layout->pinned,
                                                        &layout->destructors, &layout->bound};
    for (int i = 0; i < INPUT_MEMBERS; i++) {
        ret->mask[i] = members[i]->mask;
        ret->offset[i] = (uint16_t)members[i]->offset;
        ret->size[i] = (uint8_t)members[i]->size;
    }
}

int main(int argc, char **argv)
{
    static struct live_process process;
    struct input_head head = {0};
    struct live_layout layout = {0};
    struct live_images images;
    struct live_mappings mappings;
    char id[BUILD_ID_SIZE];
    pid_t pid = recorded = argc == 3 ? (pid_t)atoi(argv[1]) : 0;
    FILE *file = argc == 3 ? fopen(argv[2], "w") : NULL;
    if (!file || !live_process_open(pid, &process) || !live_mappings_read(pid, &mappings))
        return 1;
    if (live_build_id(pid, process.loader, id))
        live_layout_find(id, "", &layout);
    if (!live_images_list(&process, &layout, &images))
        return 1;
    live_images_complete(&process, &mappings, &images);
    read_head(pid, &head);
    put_layout(&layout, &head);
    head.debug = process.debug;
    merge();
    fwrite(&head, sizeof head, 1, file);
    put_maps(file, pid);
    put_memory(file, pid);
    return fclose(file) == 0 ? 0 : 1;
}
