/* SPDX-License-Identifier: MIT
 *
 * What the loader has loaded: objects by address, and what they say of themselves.
 *
 * Decides: to ask _dl_find_object, which takes no lock (glibc 2.35), or else dladdr1, which takes
 * the loader's own; to know functions by name through DT_GNU_HASH.
 * Leaves to others: what it means that a function is on the stack (stack.c).
 *
 * An image compiled with glibc 2.35 or later that meets an older one finds no object there: each
 * of its finalizers is an exit.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <dlfcn.h>
#include <signal.h>

#include "objects.h"

extern __typeof__(_r_debug) _r_debug FINI_WEAK;
extern ElfW(Dyn) _DYNAMIC[] FINI_WEAK __attribute__((visibility("hidden")));

/* In a program that is not position independent a linker that does not look into ld.so (lld; GNU
 * with --allow-shlib-undefined, as Meson asks) takes the weak name for NULL. The loader leaves the
 * same address in the program's own dynamic section. */
static const struct r_debug *loader(void)
{
    const struct r_debug *volatile named = &_r_debug;
    const ElfW(Dyn) *entry = named || !_DYNAMIC ? NULL : _DYNAMIC;
    while (entry && entry->d_tag != DT_DEBUG)
        entry = entry->d_tag == DT_NULL ? NULL : entry + 1;
    return entry ? (const struct r_debug *)entry->d_un.d_ptr : named;
}

bool fini__has_loader(void)
{
    return loader() && loader()->r_ldbase != 0;
}

bool fini__is_loader(const struct link_map *map)
{
    return map && loader() && map->l_addr == loader()->r_ldbase;
}

bool fini__is_program(const struct link_map *map)
{
    return loader() && map == loader()->r_map;
}

/* ---- by address ------------------------------------------------------------------------------ */

#if defined(DLFO_STRUCT_HAS_EH_DBASE) && !defined(FINI_GLIBC_WITHOUT_FIND_OBJECT)

extern __typeof__(_dl_find_object) _dl_find_object FINI_WEAK;

/* Every namespace, no lock, safe in signal handlers. */
bool fini__object_at(uintptr_t address, struct fini__object *ret)
{
    struct dl_find_object found = {.dlfo_link_map = NULL};
    bool any = _dl_find_object && _dl_find_object((void *)address, &found) == 0;
    ret->map = any ? found.dlfo_link_map : NULL;
    ret->table.header = found.dlfo_eh_frame;
    ret->table.begin = found.dlfo_map_start;
    ret->table.end = found.dlfo_map_end;
    return any;
}

#else

extern __typeof__(dladdr1) dladdr1 FINI_WEAK;

/* The image's program headers, by way of the ELF header that its first segment begins with. */
static void read_headers(const unsigned char *base, struct fini__unwind_table *ret)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)base;
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(const void *)(base + header->e_phoff);
    ElfW(Addr) first = ~(ElfW(Addr))0, last = 0, frames = 0;
    for (unsigned n = header->e_phnum; n > 0; n--, segment++) {
        if (segment->p_type == PT_LOAD && segment->p_vaddr < first)
            first = segment->p_vaddr;
        if (segment->p_type == PT_LOAD && segment->p_vaddr + segment->p_memsz > last)
            last = segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_GNU_EH_FRAME)
            frames = segment->p_vaddr;
    }
    ret->begin = base;
    ret->end = base + (last - first);
    ret->header = frames ? base + (frames - first) : NULL;
}

/* dl_iterate_phdr would see the caller's namespace only, dladdr1 sees all. */
bool fini__object_at(uintptr_t address, struct fini__object *ret)
{
    static const unsigned char magic[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3};
    Dl_info info;
    void *map = NULL;
    ret->map = NULL;
    if (!dladdr1 || !dladdr1((void *)address, &info, &map, RTLD_DL_LINKMAP) || !info.dli_fbase)
        return false;
    for (unsigned n = 0; n < sizeof magic; n++)
        if (((const unsigned char *)info.dli_fbase)[n] != magic[n])
            return false;
    ret->map = map;
    read_headers(info.dli_fbase, &ret->table);
    return true;
}

#endif

bool fini__object_has(const struct fini__object *object, uintptr_t address)
{
    return address >= (uintptr_t)object->table.begin && address < (uintptr_t)object->table.end;
}

bool fini__own_object(struct fini__object *ret)
{
    return fini__object_at((uintptr_t)&fini__own_object, ret);
}

bool fini__own_libc(struct fini__object *ret)
{
    return fini__object_at((uintptr_t)&sigfillset, ret);
}

/* From libc, which stands near the beginning of the list. In a program that is not position
 * independent the address of sigfillset can be the program's own. */
static bool look_for_namespace(void)
{
    struct fini__object libc;
    if (!fini__own_libc(&libc))
        return true;
    const struct link_map *first = libc.map;
    while (first->l_prev)
        first = first->l_prev;
    return fini__is_program(first);
}

/* Asked first by a constructor, under the loader's lock: the list may change later. */
bool fini__in_main_namespace(void)
{
    static char answer; /* y, n; 0: not known yet */
    if (answer == 0)
        answer = look_for_namespace() ? 'y' : 'n';
    return answer == 'y';
}

bool fini__is_libc(const struct link_map *map)
{
    struct fini__object libc;
    return fini__is_loader(map) || (fini__own_libc(&libc) && map == libc.map);
}

bool fini__is_immortal(const struct link_map *map)
{
    return fini__is_loader(map) || fini__is_program(map) ||
           (fini__is_libc(map) && fini__in_main_namespace());
}

/* ---- what an object says of itself: its dynamic section -------------------------------------- */

static uintptr_t dynamic_value(const struct link_map *map, ElfW(Sxword) tag)
{
    const ElfW(Dyn) *entry = map->l_ld;
    while (entry && entry->d_tag != tag)
        entry = entry->d_tag == DT_NULL ? NULL : entry + 1;
    return entry ? entry->d_un.d_val : 0;
}

/* glibc relocates some entries in place and leaves others as they are in the file. */
static const void *dynamic_pointer(const struct link_map *map, ElfW(Sxword) tag)
{
    uintptr_t value = dynamic_value(map, tag);
    return value == 0 ? NULL : (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

bool fini__is_finalizer(const struct link_map *map, uintptr_t function)
{
    const uintptr_t *entry = dynamic_pointer(map, DT_FINI_ARRAY);
    size_t count = entry ? dynamic_value(map, DT_FINI_ARRAYSZ) / sizeof *entry : 0;
    while (count > 0 && *entry != function)
        count--, entry++;
    return count > 0;
}

const char *fini__soname(const struct link_map *map)
{
    uintptr_t offset = dynamic_value(map, DT_SONAME);
    const char *strings = dynamic_pointer(map, DT_STRTAB);
    return offset != 0 && strings ? strings + offset : NULL;
}

bool fini__is_nodelete(const struct link_map *map)
{
    return (dynamic_value(map, DT_FLAGS_1) & DF_1_NODELETE) != 0;
}

/* A failing dlopen of something else can sweep an image out, so dlopen counts as an unload. The
 * frames that catch errors are ld.so's own or, once libc is there, libc's; _dl_fini does not use
 * them. */
static const struct name {
    uint32_t hash; /* of DT_GNU_HASH, see hash_of_symbol */
    uint8_t landmark;
    char text[20];
} names[] = {
    {0x7c967e3f, FINI__EXITS, "exit"},
    {0x18a916eb, FINI__UNLOADS, "dlclose"},
    {0xf9040207, FINI__UNLOADS, "dlopen"},
    {0x195fb394, FINI__UNLOADS, "dlmopen"},
    {0xe81ec1e4, FINI__CATCHES, "_dl_catch_exception"},
    {0x677f9a5f, FINI__CATCHES, "_dl_catch_error"},
    {0x0d39ad3d, FINI__ALLOCATES, "malloc"},
    {0xf5e616f3, FINI__ALLOCATES, "calloc"},
    {0x3de00ec7, FINI__ALLOCATES, "realloc"},
    {0x7c96f087, FINI__ALLOCATES, "free"},
    {0x77cf80af, FINI__ALLOCATES, "memalign"},
    {0xb3d3c623, FINI__ALLOCATES, "aligned_alloc"},
    {0x2e4bc6e1, FINI__ALLOCATES, "posix_memalign"},
};

static bool is_named(const char *name, const char *text)
{
    while (*text && *name == *text)
        name++, text++;
    return *name == *text;
}

/* The table's filter: false means that no symbol has this hash. */
static bool may_contain(const uint32_t *table, uint32_t hash)
{
    const unsigned bits = 8 * sizeof(ElfW(Addr));
    const ElfW(Addr) *filter = (const ElfW(Addr) *)(const void *)(table + 4);
    ElfW(Addr) word = filter[hash / bits & (table[2] - 1)];
    return word >> hash % bits & word >> (hash >> table[3]) % bits & 1;
}

struct symbols {
    const struct link_map *map;
    const uint32_t *hash; /* DT_GNU_HASH */
    const ElfW(Sym) *table;
    const char *strings;
};

static bool read_symbols(const struct link_map *map, struct symbols *ret)
{
    ret->map = map;
    ret->hash = dynamic_pointer(map, DT_GNU_HASH);
    ret->table = dynamic_pointer(map, DT_SYMTAB);
    ret->strings = dynamic_pointer(map, DT_STRTAB);
    return ret->hash && ret->hash[0] != 0 && ret->table && ret->strings;
}

/* The one at `function`, since a name may have several versions; 0: any. NULL: none. */
static const ElfW(Sym) *find_symbol(const struct symbols *in, const char *name, uint32_t name_hash,
                                    uintptr_t function)
{
    const uint32_t *buckets = in->hash + 4 + in->hash[2] * (sizeof(ElfW(Addr)) / sizeof *buckets);
    const uint32_t *chains = buckets + in->hash[0];
    uint32_t index = may_contain(in->hash, name_hash) ? buckets[name_hash % in->hash[0]] : 0;
    for (uint32_t hash = 0; index >= in->hash[1] && !(hash & 1); index++) {
        const ElfW(Sym) *symbol = &in->table[index];
        hash = chains[index - in->hash[1]];
        if ((hash | 1) == (name_hash | 1) && symbol->st_shndx != SHN_UNDEF &&
            (function == 0 || in->map->l_addr + symbol->st_value == function) &&
            is_named(in->strings + symbol->st_name, name))
            return symbol;
    }
    return NULL;
}

enum fini__landmark fini__landmark_at(const struct link_map *map, uintptr_t function)
{
    struct symbols in;
    bool has_symbols = read_symbols(map, &in);
    for (size_t n = 0; has_symbols && n < sizeof names / sizeof *names; n++)
        if (find_symbol(&in, names[n].text, names[n].hash, function))
            return (enum fini__landmark)names[n].landmark;
    return FINI__NO_LANDMARK;
}

static uint32_t hash_of_symbol(const char *name)
{
    uint32_t hash = 5381;
    while (*name)
        hash = hash * 33 + (unsigned char)*name++;
    return hash;
}

static uintptr_t symbol_in(const struct link_map *map, const char *name, unsigned type,
                           uintptr_t *ret_size)
{
    struct symbols in;
    const ElfW(Sym) *symbol = NULL;
    if (read_symbols(map, &in))
        symbol = find_symbol(&in, name, hash_of_symbol(name), 0);
    if (!symbol || ELF64_ST_TYPE(symbol->st_info) != type)
        return 0;
    *ret_size = symbol->st_size;
    return map->l_addr + symbol->st_value;
}

uintptr_t fini__function_in(const struct link_map *map, const char *name, uintptr_t *ret_size)
{
    return symbol_in(map, name, STT_FUNC, ret_size);
}

/* The list begins with what the program was started with, which never changes; libc and ld.so are
 * there, so that no lock is needed. */
static uintptr_t main_symbol(const char *name, unsigned type, uintptr_t *ret_size)
{
    const struct link_map *map = loader() ? loader()->r_map : NULL;
    uintptr_t symbol = 0;
    for (; map && symbol == 0; map = map->l_next)
        symbol = symbol_in(map, name, type, ret_size);
    return symbol;
}

uintptr_t fini__main_function(const char *name, uintptr_t *ret_size)
{
    return main_symbol(name, STT_FUNC, ret_size);
}

uintptr_t fini__main_symbol(const char *name, uintptr_t *ret_size)
{
    return main_symbol(name, STT_OBJECT, ret_size);
}

fini__code *fini__main_code(const char *name)
{
    uintptr_t size;
    return (fini__code *)fini__main_function(name, &size);
}

/* Before glibc 2.34 some are in libraries beside libc; in the main namespace they are found all the
 * same. */
fini__code *fini__own_code(const char *name)
{
    uintptr_t size;
    struct fini__object libc;
    if (fini__in_main_namespace())
        return fini__main_code(name);
    return fini__own_libc(&libc) ? (fini__code *)fini__function_in(libc.map, name, &size) : NULL;
}

bool fini__is_allocator(const struct link_map *map)
{
    uintptr_t size;
    return !fini__is_program(map) && fini__function_in(map, "malloc", &size) != 0 &&
           fini__function_in(map, "exit", &size) == 0 &&
           fini__function_in(map, "sigaction", &size) == 0;
}

#else
typedef int fini__objects_are_not_for_this_platform;
#endif
