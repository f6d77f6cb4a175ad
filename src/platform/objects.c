/* SPDX-License-Identifier: MIT
 *
 * What the loader has loaded: objects by address, and what they say of themselves.
 *
 * Decides: to ask _dl_find_object, which takes no lock (glibc 2.35), or else dladdr1 or what that
 * calls, which takes the loader's own; to know functions by name through DT_GNU_HASH.
 * Leaves to others: what it means that a function is on the stack (stack.c).
 *
 * Which there is, is found out at run time. Before 2.34 dladdr1 is in libdl, which a program may
 * lack, and calls _dl_addr in libc, which no header declares; but there it changes no more.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>

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

/* struct dl_find_object, for headers that do not have it; what comes behind differs. */
struct found_object {
    unsigned long long flags;
    void *begin, *end;
    struct link_map *map;
    void *tables;
    unsigned long long more[9];
};

typedef int find_object_fn(void *address, struct found_object *ret);
typedef int dladdr1_fn(const void *address, Dl_info *ret, void **ret_map, int flags);
typedef int dl_addr_fn(const void *address, Dl_info *ret, struct link_map **ret_map,
                       const ElfW(Sym) **ret_symbol);

/* Fault injection puts functions of its own between. */
#ifndef FINI_GLIBC_CALLS
#define FINI_GLIBC_CALLS(name, code) (code)
#endif

/* As an older libc would have it, for tests. */
#ifdef FINI_GLIBC_WITHOUT_FIND_OBJECT
enum { WITHOUT_FIND_OBJECT = 1 };
#else
enum { WITHOUT_FIND_OBJECT = 0 };
#endif

/* One is enough. Not yet looked for, or not there: NULL. */
static fini__code *_Atomic find_object, *_Atomic dl_addr, *_Atomic dladdr1_of_libc;

/* Every namespace, no lock, safe in signal handlers. */
static bool by_find_object(fini__code *find, uintptr_t address, struct fini__object *ret)
{
    struct found_object found;
    if (((find_object_fn *)find)((void *)address, &found) != 0)
        return false;
    ret->map = found.map;
    ret->table.header = found.tables;
    ret->table.begin = found.begin;
    ret->table.end = found.end;
    return true;
}

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

static int ask_libc(uintptr_t address, Dl_info *ret, struct link_map **ret_map)
{
    dl_addr_fn *before = (dl_addr_fn *)atomic_load(&dl_addr);
    dladdr1_fn *since = (dladdr1_fn *)atomic_load(&dladdr1_of_libc);
    void *map = NULL;
    if (before)
        return before((void *)address, ret, ret_map, NULL);
    int found = since && since((void *)address, ret, &map, RTLD_DL_LINKMAP);
    *ret_map = map;
    return found;
}

/* dl_iterate_phdr would see the caller's namespace only, these see all. */
static bool by_libc(uintptr_t address, struct fini__object *ret)
{
    static const unsigned char magic[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3};
    Dl_info info;
    struct link_map *map = NULL;
    if (!ask_libc(address, &info, &map) || !info.dli_fbase)
        return false;
    for (unsigned n = 0; n < sizeof magic; n++)
        if (((const unsigned char *)info.dli_fbase)[n] != magic[n])
            return false;
    ret->map = map;
    read_headers(info.dli_fbase, &ret->table);
    return true;
}

/* Not by reference, though a weak one would do for the loader: the linker notes all the same that
 * the image needs glibc 2.35, and an older one refuses to load it (seen with GNU ld 2.40). */
static void look_for_calls(void)
{
    static char name[] = "_dl_find_object";
    FINI_STAYS_WRITABLE(name); /* on a page that is touched anyway */
    if (!WITHOUT_FIND_OBJECT)
        find_object = FINI_GLIBC_CALLS(name, fini__main_code(name));
    if (!find_object)
        dl_addr = FINI_GLIBC_CALLS("_dl_addr", fini__main_code("_dl_addr"));
    if (!find_object && !dl_addr)
        dladdr1_of_libc = FINI_GLIBC_CALLS("dladdr1", fini__main_code("dladdr1"));
}

bool fini__object_at(uintptr_t address, struct fini__object *ret)
{
    fini__code *find = atomic_load_explicit(&find_object, memory_order_relaxed);
    ret->map = NULL;
    if (!find && !dl_addr && !dladdr1_of_libc) {
        look_for_calls();
        find = atomic_load_explicit(&find_object, memory_order_relaxed);
    }
    return find ? by_find_object(find, address, ret) : by_libc(address, ret);
}

bool fini__object_has(const struct fini__object *object, uintptr_t address)
{
    return address >= (uintptr_t)object->table.begin && address < (uintptr_t)object->table.end;
}

static struct fini__object noted; /* written by the constructor alone */

void fini__note_own_object(void)
{
    if (!atomic_load_explicit(&find_object, memory_order_relaxed) && fini__has_loader())
        (void)fini__object_at((uintptr_t)&fini__own_object, &noted);
}

bool fini__own_object(struct fini__object *ret)
{
    if (!noted.map)
        return fini__object_at((uintptr_t)&fini__own_object, ret);
    *ret = noted;
    return true;
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

fini__code *fini__loader_code(const char *name)
{
    fini__code *own = fini__own_code(name);
    return own ? own : fini__main_code(name);
}

/* One file of glibc, whose functions without a name come first: in 2.31 free jumps to one, in 2.43
 * malloc. The first with a name is malloc, the last malloc_info, in 2.31, 2.36, 2.41 and 2.43. */
bool fini__is_in_malloc(const struct link_map *map, uintptr_t address)
{
    const uintptr_t before = 0x4000;
    uintptr_t size, last_size = 0;
    uintptr_t first = fini__function_in(map, "malloc", &size);
    uintptr_t last = fini__function_in(map, "malloc_info", &last_size);
    return first != 0 && last > first && fini__function_in(map, "exit", &size) != 0 &&
           address - (first - before) < last + last_size - (first - before);
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
