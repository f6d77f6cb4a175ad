/* SPDX-License-Identifier: MIT
 *
 * live_layout.c - see live_layout.h. Debug data are read here; the trial is live_trial.c.
 */
#include "live_layout.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "live_memory.h"
#include "regular.h"

bool live_member_read(const struct live_member *member, const unsigned char *map, uint64_t size,
                      uint64_t *ret)
{
    uint32_t word;
    if (member->size == 0 || member->offset > size || member->size > size - member->offset)
        return false;
    if (member->size == 8) {
        memcpy(ret, map + member->offset, 8);
    } else if (member->size == 4) {
        memcpy(&word, map + member->offset, 4);
        *ret = word;
    } else {
        *ret = map[member->offset];
    }
    *ret &= member->mask;
    return true;
}

/* ---- debug data ---------------------------------------------------------------------------- */

static bool number(Dwarf_Die *die, unsigned attribute, Dwarf_Word *ret)
{
    Dwarf_Attribute found;
    return dwarf_attr(die, attribute, &found) && dwarf_formudata(&found, ret) == 0;
}

/* Bit-fields are not taken: of those that count, none ever was one. */
static void note(Dwarf_Die *die, uint64_t mask, struct live_member *ret)
{
    Dwarf_Attribute of;
    Dwarf_Die type, peeled;
    Dwarf_Word offset, size;
    if (dwarf_hasattr(die, DW_AT_bit_size) || !number(die, DW_AT_data_member_location, &offset) ||
        !dwarf_attr(die, DW_AT_type, &of) || !dwarf_formref_die(&of, &type) ||
        dwarf_peel_type(&type, &peeled) != 0 || dwarf_aggregate_size(&peeled, &size) != 0)
        return;
    if (offset < LIVE_MAP_SIZE && (size == 1 || size == 4 || size == 8))
        *ret = (struct live_member){(uint32_t)offset, (uint32_t)size, mask};
}

static void note_member(Dwarf_Die *die, struct live_layout *ret)
{
    const char *name = dwarf_diename(die);
    if (!name)
        return;
    if (strcmp(name, "l_direct_opencount") == 0)
        note(die, UINT64_MAX, &ret->opened);
    else if (strcmp(name, "l_nodelete_active") == 0)
        note(die, UINT64_MAX, &ret->pinned);
    else if (strcmp(name, "l_flags_1") == 0 && ret->pinned.size == 0)
        note(die, DF_1_NODELETE, &ret->pinned);
    else if (strcmp(name, "l_tls_dtor_count") == 0)
        note(die, UINT64_MAX, &ret->destructors);
    else if (strcmp(name, "l_reldeps") == 0)
        note(die, UINT64_MAX, &ret->bound);
}

/* Of the structures with that name, the loader's own one, not that of <link.h>. */
static bool read_structure(Dwarf_Die *die, struct live_layout *ret)
{
    const char *name = dwarf_diename(die);
    Dwarf_Die member;
    memset(ret, 0, sizeof *ret);
    if (dwarf_tag(die) != DW_TAG_structure_type || !name || strcmp(name, "link_map") != 0 ||
        dwarf_child(die, &member) != 0)
        return false;
    do
        note_member(&member, ret);
    while (dwarf_siblingof(&member, &member) == 0);
    ret->source = SOURCE_DEBUG_DATA;
    return ret->opened.size != 0;
}

static bool search(Dwarf *debug, struct live_layout *ret)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die top, die;
    while (dwarf_get_units(debug, unit, &unit, NULL, NULL, &top, NULL) == 0) {
        if (dwarf_child(&top, &die) != 0)
            continue;
        do
            if (read_structure(&die, ret))
                return true;
        while (dwarf_siblingof(&die, &die) == 0);
    }
    memset(ret, 0, sizeof *ret);
    return false;
}

/* The name of a file is not what it says of itself. */
static bool is_of(Dwarf *debug, const char *wanted)
{
    const void *id;
    char got[BUILD_ID_SIZE];
    ssize_t length = dwelf_elf_gnu_build_id(dwarf_getelf(debug), &id);
    if (length < 2 || length > (BUILD_ID_SIZE - 1) / 2)
        return false;
    live_hexadecimal(id, (size_t)length, got);
    return strcmp(got, wanted) == 0;
}

bool live_layout_by_debug_data(const char *id, const char *root, struct live_layout *ret)
{
    char path[PATH_MAX];
    memset(ret, 0, sizeof *ret);
    snprintf(path, sizeof path, "%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, id, id + 2);
    int fd = regular_open(path);
    Dwarf *debug = fd < 0 ? NULL : dwarf_begin(fd, DWARF_C_READ);
    bool found = debug && is_of(debug, id) && search(debug, ret);
    dwarf_end(debug);
    if (fd >= 0)
        close(fd);
    return found;
}

void live_layout_find(const char *id, const char *root, struct live_layout *ret)
{
    char own[BUILD_ID_SIZE];
    if (live_layout_by_debug_data(id, "", ret) || live_layout_by_debug_data(id, root, ret))
        return;
    if (live_build_id(getpid(), getauxval(AT_BASE), own) && strcmp(id, own) == 0)
        live_layout_by_trial(ret);
}
