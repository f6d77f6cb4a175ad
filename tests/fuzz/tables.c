/* SPDX-License-Identifier: MIT
 *
 * Finds tables by dl_iterate_phdr, which libfini does not use.
 */
#include "tables.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const char *part;
    struct tables_image *ret;
};

static void note_segment(const struct dl_phdr_info *info, const ElfW(Phdr) *segment,
                         struct fini__unwind_table *table)
{
    const unsigned char *at = (const unsigned char *)(info->dlpi_addr + segment->p_vaddr);
    if (segment->p_type == PT_GNU_EH_FRAME)
        table->header = at;
    if (segment->p_type != PT_LOAD)
        return;
    if (!table->begin || at < table->begin)
        table->begin = at;
    if (at + segment->p_memsz > table->end)
        table->end = at + segment->p_memsz;
}

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    bool program = search->part[0] == '\0';
    (void)size;
    if (program != (info->dlpi_name[0] == '\0') || !strstr(info->dlpi_name, search->part))
        return 0;
    *search->ret = (struct tables_image){.bias = info->dlpi_addr};
    if (!realpath(program ? "/proc/self/exe" : info->dlpi_name, search->ret->path))
        return 0;
    for (unsigned n = 0; n < info->dlpi_phnum; n++)
        note_segment(info, &info->dlpi_phdr[n], &search->ret->table);
    return 1;
}

bool tables_find(const char *part, struct tables_image *ret)
{
    struct search search = {part, ret};
    return dl_iterate_phdr(look, &search) == 1 && ret->table.header;
}
