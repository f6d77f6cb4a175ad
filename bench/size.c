/* SPDX-License-Identifier: MIT
 *
 * P14: what libfini adds to an image that has hooks.
 *
 * Decides: size is what size(1) calls text and data, all that is allocated and stands in the file.
 * Leaves to others: the images (image.c).
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

static long size_of_sections(const char *bytes)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)bytes;
    const Elf64_Shdr *section = (const Elf64_Shdr *)(const void *)(bytes + header->e_shoff);
    long size = 0;
    for (int n = 0; n < header->e_shnum; n++, section++)
        if ((section->sh_flags & SHF_ALLOC) && section->sh_type != SHT_NOBITS)
            size += (long)section->sh_size;
    return size;
}

static long loaded_size(const char *path)
{
    struct stat info;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &info) != 0)
        give_up(path);
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED)
        give_up(path);
    long size = size_of_sections(bytes);
    munmap(bytes, (size_t)info.st_size);
    close(file);
    return size;
}

static void added_to(const char *image, struct row row)
{
    long added = loaded_size(beside(image)) - loaded_size(beside("bench-plain.so"));
    table_value(row, (double)added / 1024);
}

void bench_size(void)
{
    added_to("bench-embeds.so", (struct row){
        "P14", "text + data added to an image with hooks", 8, "KiB"});
    added_to("bench-whole.so", (struct row){
        "", "the same with all of fini.c in the image", NO_GOAL, "KiB"});
}
