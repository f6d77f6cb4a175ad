/* SPDX-License-Identifier: MIT
 *
 * pin.h - the two halves of fini pin: bytes of an ELF file, and a file that is replaced safely.
 */
#ifndef COMMAND_PIN_H
#define COMMAND_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum pin_change { PIN_SAME, PIN_CHANGED };

/* Sets or clears DF_1_NODELETE in the bytes of a file. NULL, or why it cannot be done safely: then
 * nothing has changed. */
const char *pin_elf(unsigned char *bytes, size_t size, bool pinned, enum pin_change *ret);

struct pin_file {
    unsigned char *bytes;
    size_t size;
    struct stat info;
    int fd;
    char *path;                /* where the result goes; links followed */
    bool replaced;             /* that is the input, whose owner and attributes are to be kept */
    char *new_path;            /* beside it; NULL: there is none to remove */
};

/* All but close answer NULL, or what is wrong. Close in any case. */
const char *pin_file_open(const char *path, struct pin_file *ret);
/* Writes the new file beside its place. */
const char *pin_file_prepare(struct pin_file *file, const char *place);
const char *pin_file_commit(struct pin_file *file);
void pin_file_close(struct pin_file *file);

#endif
