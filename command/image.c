/* SPDX-License-Identifier: MIT
 *
 * image.c - tells formats apart, and keeps what readers find.
 */
#include "image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool begins_with(const void *bytes, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(bytes, magic, length) == 0;
}

/* 0xcafebabe is also a Java class, whose next word is a version of 45 or more; a fat file has few
 * architectures. */
static bool is_fat(const unsigned char *bytes, size_t size)
{
    return size >= 8 && (memcmp(bytes, "\xca\xfe\xba\xbe\0\0", 7) == 0 ||
                         memcmp(bytes, "\xca\xfe\xba\xbf\0\0", 7) == 0) && bytes[7] < 40;
}

static bool is_thin_macho(const void *bytes, size_t size)
{
    static const char magics[][5] = {"\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe",
                                     "\xcf\xfa\xed\xfe"};
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (begins_with(bytes, size, magics[i], 4))
            return true;
    return false;
}

enum image_format image_format_of(const void *bytes, size_t size)
{
    if (begins_with(bytes, size, "\177ELF", 4))
        return FORMAT_ELF;
    if (begins_with(bytes, size, "MZ", 2) && size >= 64)
        return FORMAT_PE;
    return is_thin_macho(bytes, size) || is_fat(bytes, size) ? FORMAT_MACHO : FORMAT_UNKNOWN;
}

void image_read(const void *bytes, size_t size, const char *path, struct image *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->format = image_format_of(bytes, size);
    switch (ret->format) {
    case FORMAT_ELF: image_elf_read(bytes, size, path, ret); break;
    case FORMAT_PE: image_pe_read(bytes, size, ret); break;
    case FORMAT_MACHO: image_macho_read(bytes, size, ret); break;
    case FORMAT_UNKNOWN: ret->kind = KIND_OTHER; break;
    }
}

void image_add(struct image *image, enum finding finding, const char *name, const char *place)
{
    struct found *found = &image->found[finding];
    size_t index = found->total++;
    if (index >= EVIDENCE_MOST)
        return;
    snprintf(found->evidence[index].name, NAME_SIZE, "%s", name);
    snprintf(found->evidence[index].place, PLACE_SIZE, "%s", place ? place : "");
}

void image_fail(struct image *image, const char *format, ...)
{
    va_list arguments;
    if (image->error[0])
        return;
    va_start(arguments, format);
    vsnprintf(image->error, sizeof image->error, format, arguments);
    va_end(arguments);
}

static bool has_severity(const struct image *image, enum severity severity, int count)
{
    for (int i = 0; i < count; i++)
        if (image->found[i].total && finding_text((enum finding)i)->severity == severity)
            return true;
    return false;
}

enum verdict image_verdict(const struct image *image)
{
    if (has_severity(image, SEVERITY_STAYS, FINDING_PROBE_STAYED))
        return VERDICT_STAYS;
    return has_severity(image, SEVERITY_MAY_STAY, FINDING_PROBE_STAYED) ? VERDICT_MAY_STAY
                                                                       : VERDICT_UNLOADS;
}

bool image_has_findings(const struct image *image)
{
    return has_severity(image, SEVERITY_STAYS, FINDING_COUNT) ||
           has_severity(image, SEVERITY_MAY_STAY, FINDING_COUNT) ||
           has_severity(image, SEVERITY_DANGER, FINDING_COUNT);
}

const char *image_format_name(enum image_format format)
{
    static const char *const names[] = {"unknown", "elf", "pe", "macho"};
    return names[format];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"unloads", "may-stay", "stays"};
    return names[verdict];
}
