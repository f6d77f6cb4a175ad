/* SPDX-License-Identifier: MIT
 *
 * Images of ELF systems whose loader tells of them by dl_iterate_phdr.
 *
 * Decides: an image is the program if it is the first that the loader names: FreeBSD (libexec/
 * rtld-elf/rtld.c, dl_iterate_phdr: obj_list begins with obj_main), OpenBSD (libexec/ld.so/dlfcn.c:
 * _dl_objects begins with the executable), NetBSD (libexec/ld.elf_so/rtld.c: _rtld_objlist begins
 * with _rtld_objmain), illumos (the main link-map list begins with it).
 * A handle is the image's own if its dynamic section is.
 * Leaves to others: everything that is not in a link map.
 */
#include "select.h"

#ifdef FINI_USES_LINKMAPS

#include <sys/types.h>

#include <dlfcn.h>
#include <link.h>

#include "plain.h"

/* Put there by the linker; not in a static program. Some headers declare it, for others. */
extern const char own_dynamic[] __asm__("_DYNAMIC") FINI_WEAK
    __attribute__((visibility("hidden")));

/* `found`: the first image holds us. Stops after the first. */
static int look_at_first(struct dl_phdr_info *info, size_t size, void *found)
{
    uintptr_t here = (uintptr_t)&look_at_first;
    (void)size;
    for (unsigned n = 0; n < info->dlpi_phnum; n++) {
        uintptr_t begin = (uintptr_t)info->dlpi_addr + (uintptr_t)info->dlpi_phdr[n].p_vaddr;
        if (info->dlpi_phdr[n].p_type == PT_LOAD && here >= begin &&
            here - begin < info->dlpi_phdr[n].p_memsz)
            *(bool *)found = true;
    }
    return 1;
}

bool fini__in_program(void)
{
    bool found = false;
    if (!own_dynamic)
        return true;
    dl_iterate_phdr(look_at_first, &found);
    return found;
}

/* OpenBSD has no dlinfo; its handles are what r_debug leads to as link maps (libexec/ld.so/
 * resolve.h: struct elf_object begins as one; loader.c, _dl_boot: r_map). */
#ifdef RTLD_DI_LINKMAP
static const struct link_map *map_of(void *handle)
{
    struct link_map *map = NULL;
    return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 ? map : NULL;
}
#else
static const struct link_map *map_of(void *handle)
{
    return handle;
}
#endif

bool fini__is_own_handle(void *handle)
{
    const struct link_map *map = map_of(handle);
    return map && (uintptr_t)map->l_ld == (uintptr_t)own_dynamic;
}

#else
typedef int fini__linkmaps_are_not_for_this_platform;
#endif
