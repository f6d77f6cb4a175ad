/* SPDX-License-Identifier: MIT
 *
 * image_macho.c - what a macOS image says of its unloading: by its sections.
 *
 * dyld never unloads an image with Swift, Objective-C (but for bundles), thread-local variables or
 * DTrace probes: common/MachOAnalyzer.cpp, MachOAnalyzer::neverUnload. What is asked there is asked
 * here: the version of Swift in __objc_imageinfo, a flag of the header, a type of section.
 * Own, because nothing in Debian that is kept reads Mach-O for others; LLVM's C interface would
 * bring a library of a hundred megabytes for a list of names.
 */
#include <stdio.h>

#include "bytes.h"
#include "image.h"

static const uint32_t FAT = 0xcafebabe, FAT_64 = 0xcafebabf;

enum {
    COMMANDS_MOST = 4096, SECTIONS_MOST = 4096, ARCHITECTURES_MOST = 40,
    SEGMENT = 0x1, SEGMENT_64 = 0x19,
    TYPE_PROGRAM = 2, TYPE_DYLIB = 6, TYPE_BUNDLE = 8,
    HAS_THREAD_LOCALS = 0x800000, /* MH_HAS_TLV_DESCRIPTORS */
    DTRACE_DOF = 0xf
};

struct macho {
    struct bytes file;       /* of one architecture */
    bool wide;
    uint32_t type;
    struct image *image;
};

static bool is_named(const struct macho *m, uint64_t at, const char *section, const char *segment)
{
    return strncmp((const char *)m->file.data + at, section, 16) == 0 &&
           strncmp((const char *)m->file.data + at + 16, segment, strlen(segment)) == 0;
}

static void look_at_objc(struct macho *m, uint64_t at, const char *place)
{
    uint32_t offset = bytes_u32(&m->file, at + (m->wide ? 48 : 40));
    uint32_t swift = bytes_u32(&m->file, (uint64_t)offset + 4) >> 8 & 0xff;
    char text[40];
    snprintf(text, sizeof text, "Swift, binary interface %u", swift);
    if (swift)
        image_add(m->image, FINDING_MACHO_SWIFT, text, place);
    else if (m->type != TYPE_BUNDLE)
        image_add(m->image, FINDING_MACHO_OBJC, "Objective-C", place);
}

static void look_at_section(struct macho *m, uint64_t at)
{
    char name[17] = "", segment[17] = "", place[40];
    uint32_t flags = bytes_u32(&m->file, at + (m->wide ? 64 : 56));
    if (!bytes_has(&m->file, at, 68))
        return;
    memcpy(name, m->file.data + at, 16);
    memcpy(segment, m->file.data + at + 16, 16);
    snprintf(place, sizeof place, "%s,%s", segment, name);
    if ((flags & 0xff) == DTRACE_DOF)
        image_add(m->image, FINDING_MACHO_DTRACE, "probes", place);
    if (is_named(m, at, "__objc_imageinfo", "__DATA") ||
        (!m->wide && is_named(m, at, "__image_info", "__OBJC")))
        look_at_objc(m, at, place);
}

static void look_at_segment(struct macho *m, uint64_t at, uint64_t size)
{
    uint64_t header = m->wide ? 72 : 56, unit = m->wide ? 80 : 68;
    uint32_t count = bytes_u32(&m->file, at + header - 8);
    for (uint32_t i = 0; i < count && i < SECTIONS_MOST && header + (i + 1) * unit <= size; i++)
        look_at_section(m, at + header + i * unit);
}

static void look_at_commands(struct macho *m)
{
    uint64_t at = m->wide ? 32 : 28;
    uint32_t count = bytes_u32(&m->file, 16);
    for (uint32_t i = 0; i < count && i < COMMANDS_MOST; i++) {
        uint32_t command = bytes_u32(&m->file, at), size = bytes_u32(&m->file, at + 4);
        if (size < 8 || !bytes_has(&m->file, at, size)) {
            image_fail(m->image, "damaged: a load command is not in the file");
            return;
        }
        if (command == (m->wide ? SEGMENT_64 : SEGMENT))
            look_at_segment(m, at, size);
        at += size;
    }
}

static void read_one(const unsigned char *data, uint64_t size, struct image *image)
{
    struct macho m = {.file = {data, size, false}, .image = image};
    m.file.big_endian = size && data[0] == 0xfe;
    uint32_t magic = bytes_u32(&m.file, 0);
    m.wide = magic == 0xfeedfacf;
    m.type = bytes_u32(&m.file, 12);
    if (size >= 8 && memcmp(data, "!<arch>\n", 8) == 0) { /* a static library */
        image->kind = KIND_OTHER;
        return;
    }
    if ((!m.wide && magic != 0xfeedface) || size < 32) {
        image_fail(image, "damaged: not a whole Mach-O header");
        return;
    }
    if (m.type != TYPE_DYLIB && m.type != TYPE_BUNDLE)
        image->kind = m.type == TYPE_PROGRAM ? KIND_PROGRAM : KIND_OTHER;
    if (bytes_u32(&m.file, 24) & HAS_THREAD_LOCALS)
        image_add(image, FINDING_MACHO_THREAD_LOCAL, "thread-local variables",
                  "header: HAS_TLV_DESCRIPTORS");
    look_at_commands(&m);
}

/* One file for several processors: what one of them has, all have. */
static void read_fat(const struct bytes *file, bool wide, struct image *image)
{
    uint32_t count = bytes_u32(file, 4);
    unsigned word = wide ? 8 : 4;
    for (uint32_t i = 0; i < count && i < ARCHITECTURES_MOST; i++) {
        uint64_t at = 8 + (uint64_t)i * (wide ? 32 : 20);
        uint64_t offset = bytes_number(file, at + 8, word);
        uint64_t size = bytes_number(file, at + 8 + word, word);
        if (!size || !bytes_has(file, offset, size))
            image_fail(image, "damaged: an architecture is not in the file");
        else
            read_one(file->data + offset, size, image);
    }
    if (count == 0)
        image_fail(image, "damaged: no architecture");
}

void image_macho_read(const void *bytes, size_t size, struct image *image)
{
    struct bytes file = {bytes, size, true};
    uint32_t magic = bytes_u32(&file, 0);
    if (magic == FAT || magic == FAT_64)
        read_fat(&file, magic == FAT_64, image);
    else
        read_one(bytes, size, image);
}
