/* SPDX-License-Identifier: MIT
 *
 * live_memory.h - what is in the memory of another process.
 *
 * Decides: it is read, never written, and whatever stands there is believed no more than a file.
 */
#ifndef COMMAND_LIVE_MEMORY_H
#define COMMAND_LIVE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* How many bytes could be read; it ends at the first page that is not there. */
size_t live_read(pid_t pid, uint64_t address, void *ret, size_t size);
bool live_read_all(pid_t pid, uint64_t address, void *ret, size_t size);

/* NULL: there is none that ends within 4096 bytes. Else it is to be freed. */
char *live_read_string(pid_t pid, uint64_t address);

/* A part of the memory that is mapped in one piece. */
struct live_mapping {
    uint64_t start, end, offset, inode;
    unsigned major, minor;
    bool executable, deleted;
    char *path;                 /* without " (deleted)"; empty where it has none */
};

struct live_mappings {
    struct live_mapping *list;
    size_t count;
};

bool live_mappings_read(pid_t pid, struct live_mappings *ret); /* false: errno says why */
bool live_mappings_parse(FILE *file, struct live_mappings *ret); /* of the form of /proc/PID/maps */
void live_mappings_free(struct live_mappings *mappings);
const struct live_mapping *live_mapping_of(const struct live_mappings *mappings, uint64_t address);

/* The mapping of the beginning of the file that this address is mapped from. NULL: none. */
const struct live_mapping *live_mapping_first(const struct live_mappings *mappings,
                                              uint64_t address);

/* How much is mapped of the file of that one. */
uint64_t live_mappings_size(const struct live_mappings *mappings, const struct live_mapping *of);

/* Two digits a byte. */
void live_hexadecimal(const unsigned char *bytes, size_t count, char *ret);

/* The build id of the ELF image that is mapped from this address on, in hexadecimal. */
enum { BUILD_ID_SIZE = 2 * 64 + 1 };
bool live_build_id(pid_t pid, uint64_t base, char ret[BUILD_ID_SIZE]);

#endif
