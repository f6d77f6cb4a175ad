/* SPDX-License-Identifier: MIT
 *
 * image.h - what is known of one binary.
 *
 * Decides: the form in which readers hand over what they found: without pointers, so that it can
 * lie in memory shared with the child process that reads (reader.c). Leaves finding to image_*.c
 * and probe.c, and showing to report_*.c.
 */
#ifndef COMMAND_IMAGE_H
#define COMMAND_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "findings.h"

enum { EVIDENCE_MOST = 8, NAME_SIZE = 320, PLACE_SIZE = 160, ERROR_SIZE = 200 };

enum image_format { FORMAT_UNKNOWN, FORMAT_ELF, FORMAT_PE, FORMAT_MACHO };

struct evidence {
    char name[NAME_SIZE];     /* a symbol, demangled, or what else there is to see */
    char place[PLACE_SIZE];   /* file:line, or a section; may be empty */
};

struct found {
    size_t total;             /* 0: not found */
    struct evidence evidence[EVIDENCE_MOST]; /* the first of them */
};

enum image_kind { KIND_LIBRARY, KIND_PROGRAM, KIND_OTHER };

struct image {
    enum image_format format;
    enum image_kind kind;     /* only libraries are loaded and unloaded */
    char error[ERROR_SIZE];   /* not empty: it cannot be read, and this is why */
    struct found found[FINDING_COUNT];
};

enum verdict { VERDICT_UNLOADS, VERDICT_MAY_STAY, VERDICT_STAYS };

/* Empties the image and reads the bytes of a file into it. Bytes of any kind; never crashes by
 * them, as far as libelf does not. path: where the libraries that it needs are looked for from;
 * NULL: they are not. */
void image_read(const void *bytes, size_t size, const char *path, struct image *ret);

/* Whether image_read would know the format. Cheap; needs the first 64 bytes. */
enum image_format image_format_of(const void *bytes, size_t size);

/* Notes one piece of evidence. Place may be NULL. */
void image_add(struct image *image, enum finding finding, const char *name, const char *place);

/* Says why it cannot be read; the first reason is kept. */
void image_fail(struct image *image, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* By reading alone: what happened when it was tried is told beside it. */
enum verdict image_verdict(const struct image *image);

/* Any that is more than a note, from reading or trying. */
bool image_has_findings(const struct image *image);

const char *image_format_name(enum image_format format);
const char *verdict_name(enum verdict verdict);     /* as in the JSON schema */

/* What image_read calls, by format. */
void image_elf_read(const void *bytes, size_t size, const char *path, struct image *image);
void image_pe_read(const void *bytes, size_t size, struct image *image);
void image_macho_read(const void *bytes, size_t size, struct image *image);

#endif
