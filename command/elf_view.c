/* SPDX-License-Identifier: MIT
 *
 * elf_view.c - see elf_view.h.
 */
#include "elf_view.h"

#include <string.h>

enum { CHUNK_MOST = 256 << 20 };

/* libelf answers NULL to what is not in the file. It copies where bytes have to be swapped or are
 * not aligned, and a file may have holes of any size, so that there is a limit. */
static Elf_Data *chunk(const struct elf_view *view, uint64_t offset, uint64_t size, Elf_Type type)
{
    if (offset > view->size || size > view->size - offset || size == 0 || size > CHUNK_MOST)
        return NULL;
    return elf_getdata_rawchunk(view->elf, (int64_t)offset, (size_t)size, type);
}

bool elf_view_segment(const struct elf_view *view, size_t index, GElf_Phdr *ret)
{
    return index < view->segments && gelf_getphdr(view->elf, (int)index, ret) != NULL;
}

bool elf_view_offset(const struct elf_view *view, uint64_t address, uint64_t *ret_offset,
                     uint64_t *ret_size)
{
    GElf_Phdr segment;
    for (size_t i = 0; elf_view_segment(view, i, &segment); i++) {
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
            address - segment.p_vaddr >= segment.p_filesz)
            continue;
        uint64_t skipped = address - segment.p_vaddr;
        uint64_t offset = segment.p_offset + skipped;
        if (offset < skipped || offset >= view->size)
            return false;
        *ret_offset = offset;
        *ret_size = segment.p_filesz - skipped;
        if (*ret_size > view->size - offset)
            *ret_size = view->size - offset;
        return true;
    }
    return false;
}

/* size 0: all of the segment from the address on. */
static Elf_Data *chunk_at(const struct elf_view *view, uint64_t address, uint64_t size,
                          Elf_Type type, size_t unit)
{
    uint64_t offset, there;
    if (!elf_view_offset(view, address, &offset, &there) || size > there)
        return NULL;
    size = size ? size : there < CHUNK_MOST ? there : CHUNK_MOST;
    return chunk(view, offset, size - size % unit, type);
}

static bool dynamic_entry(const struct elf_view *view, size_t index, GElf_Dyn *ret)
{
    return gelf_getdyn(view->dynamic, (int)index, ret) != NULL;
}

bool elf_view_tag(const struct elf_view *view, int64_t tag, uint64_t *ret)
{
    GElf_Dyn entry = {0};
    size_t i = view->dynamic_count;
    while (i > 0 && dynamic_entry(view, i - 1, &entry) && entry.d_tag != tag)
        i--;
    if (i == 0 || entry.d_tag != tag)
        return false;
    *ret = entry.d_un.d_val;
    return true;
}

static const char *open_dynamic(struct elf_view *view)
{
    GElf_Phdr segment;
    GElf_Dyn entry;
    size_t unit = gelf_fsize(view->elf, ELF_T_DYN, 1, EV_CURRENT);
    for (size_t i = 0; elf_view_segment(view, i, &segment); i++) {
        if (segment.p_type != PT_DYNAMIC)
            continue;
        view->dynamic = chunk(view, segment.p_offset, segment.p_filesz / unit * unit, ELF_T_DYN);
        view->is_debug_data = segment.p_filesz == 0; /* what objcopy --only-keep-debug leaves */
        if (!view->dynamic && !view->is_debug_data)
            return "damaged: the dynamic table is not in the file";
        break;
    }
    if (!view->dynamic)
        return NULL;
    while (dynamic_entry(view, view->dynamic_count, &entry) && entry.d_tag != DT_NULL)
        view->dynamic_count++;
    return dynamic_entry(view, view->dynamic_count, &entry) ? NULL :
           "damaged: the dynamic table has no end";
}

static const char *open_strings(struct elf_view *view)
{
    uint64_t address, size;
    if (!elf_view_tag(view, DT_STRTAB, &address) || !elf_view_tag(view, DT_STRSZ, &size) || !size)
        return "damaged: no table of strings";
    Elf_Data *data = chunk_at(view, address, size, ELF_T_BYTE, 1);
    if (!data || ((const char *)data->d_buf)[size - 1] != '\0')
        return "damaged: the table of strings is not in the file, or has no end";
    view->strings = data->d_buf;
    view->strings_size = size;
    return NULL;
}

/* How many symbols there are stands nowhere: it is one more than the largest that the GNU hash
 * table leads to. In a table that leads to none GNU ld says that the first is 1, although there may
 * be imports; those that matter are in relocations. */
static size_t count_by_gnu_hash(const struct elf_view *view, uint64_t address)
{
    Elf_Data *data = chunk_at(view, address, 0, ELF_T_WORD, 4);
    size_t words = data ? data->d_size / 4 : 0, unit = view->header.e_ident[EI_CLASS] == ELFCLASS64;
    const uint32_t *word = data ? data->d_buf : NULL;
    if (words < 4)
        return 0;
    uint64_t buckets = word[0], first = word[1];
    uint64_t bucket = 4 + ((uint64_t)word[2] << unit), chain = bucket + buckets, most = 0;
    if (chain > words)
        return 0;
    for (uint64_t i = bucket; i < chain; i++)
        most = word[i] > most ? word[i] : most;
    if (most < first)
        return first;
    for (uint64_t i = chain + most - first; i < words; i++, most++)
        if (word[i] & 1)
            return most + 1;
    return 0;
}

static size_t count_by_hash(const struct elf_view *view, uint64_t address)
{
    Elf_Data *data = chunk_at(view, address, 8, ELF_T_WORD, 4);
    return data ? ((const uint32_t *)data->d_buf)[1] : 0;
}

const char *elf_view_symbol(const struct elf_view *view, size_t index, GElf_Sym *ret)
{
    if (index >= view->symbol_count || !gelf_getsym(view->symbols, (int)index, ret) ||
        ret->st_name >= view->strings_size)
        return NULL;
    return view->strings + ret->st_name;
}

struct walk {
    const struct elf_view *view;
    void (*each)(void *context, const struct elf_relocation *r);
    void *context;
};

static void each_with_addend(const struct walk *walk, Elf_Data *data, size_t count)
{
    GElf_Rela r;
    for (size_t i = 0; i < count && gelf_getrela(data, (int)i, &r); i++)
        walk->each(walk->context, &(struct elf_relocation){r.r_offset,
                   (uint32_t)GELF_R_TYPE(r.r_info), (uint32_t)GELF_R_SYM(r.r_info)});
}

static void each_without(const struct walk *walk, Elf_Data *data, size_t count)
{
    GElf_Rel r;
    for (size_t i = 0; i < count && gelf_getrel(data, (int)i, &r); i++)
        walk->each(walk->context, &(struct elf_relocation){r.r_offset,
                   (uint32_t)GELF_R_TYPE(r.r_info), (uint32_t)GELF_R_SYM(r.r_info)});
}

static void table(const struct walk *walk, int64_t address_tag, int64_t size_tag, bool addends)
{
    uint64_t address, size;
    size_t unit = gelf_fsize(walk->view->elf, addends ? ELF_T_RELA : ELF_T_REL, 1, EV_CURRENT);
    if (!elf_view_tag(walk->view, address_tag, &address) ||
        !elf_view_tag(walk->view, size_tag, &size) || size < unit)
        return;
    Elf_Data *data = chunk_at(walk->view, address, size, addends ? ELF_T_RELA : ELF_T_REL, unit);
    if (!data)
        return;
    if (addends)
        each_with_addend(walk, data, data->d_size / unit);
    else
        each_without(walk, data, data->d_size / unit);
}

void elf_view_relocations(const struct elf_view *view,
                          void (*each)(void *context, const struct elf_relocation *r),
                          void *context)
{
    struct walk walk = {view, each, context};
    uint64_t kind = DT_REL;
    table(&walk, DT_RELA, DT_RELASZ, true);
    table(&walk, DT_REL, DT_RELSZ, false);
    elf_view_tag(view, DT_PLTREL, &kind);
    table(&walk, DT_JMPREL, DT_PLTRELSZ, kind == DT_RELA);
}

static void take_largest(void *context, const struct elf_relocation *r)
{
    size_t *count = context;
    *count = r->symbol >= *count ? (size_t)r->symbol + 1 : *count;
}

static const char *open_symbols(struct elf_view *view)
{
    uint64_t address, hash;
    size_t unit = gelf_fsize(view->elf, ELF_T_SYM, 1, EV_CURRENT);
    if (!elf_view_tag(view, DT_SYMTAB, &address))
        return "damaged: no table of symbols";
    if (elf_view_tag(view, DT_GNU_HASH, &hash))
        view->symbol_count = count_by_gnu_hash(view, hash);
    if (!view->symbol_count && elf_view_tag(view, DT_HASH, &hash))
        view->symbol_count = count_by_hash(view, hash);
    elf_view_relocations(view, take_largest, &view->symbol_count);
    if (!view->symbol_count)
        return "damaged: the table of symbols has no length";
    view->symbols = chunk_at(view, address, (uint64_t)view->symbol_count * unit, ELF_T_SYM, unit);
    return view->symbols ? NULL : "damaged: the table of symbols is not in the file";
}

const char *elf_view_open(const void *bytes, size_t size, struct elf_view *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->bytes = bytes;
    ret->size = size;
    elf_version(EV_CURRENT);
    ret->elf = elf_memory((char *)bytes, size);
    if (!ret->elf || elf_kind(ret->elf) != ELF_K_ELF || !gelf_getehdr(ret->elf, &ret->header))
        return "damaged: not a whole ELF header";
    if (!elf_view_is_linked(ret))
        return NULL;
    if (elf_getphdrnum(ret->elf, &ret->segments) || !ret->segments)
        return "damaged: no program headers";
    const char *error = open_dynamic(ret);
    if (!error && ret->dynamic)
        error = open_strings(ret);
    if (!error && ret->dynamic)
        error = open_symbols(ret);
    return error;
}

bool elf_view_is_linked(const struct elf_view *view)
{
    return !view->is_debug_data &&
           (view->header.e_type == ET_DYN || view->header.e_type == ET_EXEC);
}

void elf_view_close(struct elf_view *view)
{
    if (view->elf)
        elf_end(view->elf);
}

static const char *section_name(const struct elf_view *view, const GElf_Shdr *section)
{
    size_t names;
    return elf_getshdrstrndx(view->elf, &names) ? NULL :
           elf_strptr(view->elf, names, section->sh_name);
}

const char *elf_view_section(const struct elf_view *view, uint64_t address)
{
    GElf_Shdr section;
    for (Elf_Scn *s = elf_nextscn(view->elf, NULL); s; s = elf_nextscn(view->elf, s))
        if (gelf_getshdr(s, &section) && section.sh_flags & SHF_ALLOC &&
            !(section.sh_flags & SHF_TLS) && address >= section.sh_addr &&
            address - section.sh_addr < section.sh_size)
            return section_name(view, &section);
    return NULL;
}

Elf_Scn *elf_view_section_named(const struct elf_view *view, const char *name)
{
    GElf_Shdr section;
    for (Elf_Scn *s = elf_nextscn(view->elf, NULL); s; s = elf_nextscn(view->elf, s)) {
        const char *own = gelf_getshdr(s, &section) ? section_name(view, &section) : NULL;
        if (own && strcmp(own, name) == 0)
            return s;
    }
    return NULL;
}
