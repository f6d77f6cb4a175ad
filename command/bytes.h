/* SPDX-License-Identifier: MIT
 *
 * bytes.h - numbers and names in the bytes of a file that may lie about itself.
 *
 * Decides: what is not inside the file is 0, or no name. So a reader cannot stray, whatever it is
 * told, and looks at `bytes_has` only where 0 would mean something.
 */
#ifndef COMMAND_BYTES_H
#define COMMAND_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const unsigned char *data;
    uint64_t size;
    bool big_endian;
};

static inline bool bytes_has(const struct bytes *b, uint64_t at, uint64_t length)
{
    return at <= b->size && length <= b->size - at;
}

static inline uint64_t bytes_number(const struct bytes *b, uint64_t at, unsigned length)
{
    uint64_t number = 0;
    if (!bytes_has(b, at, length))
        return 0;
    for (unsigned i = 0; i < length; i++)
        number = number << 8 | b->data[at + (b->big_endian ? i : length - 1 - i)];
    return number;
}

static inline uint16_t bytes_u16(const struct bytes *b, uint64_t at)
{
    return (uint16_t)bytes_number(b, at, 2);
}

static inline uint32_t bytes_u32(const struct bytes *b, uint64_t at)
{
    return (uint32_t)bytes_number(b, at, 4);
}

static inline uint64_t bytes_u64(const struct bytes *b, uint64_t at)
{
    return bytes_number(b, at, 8);
}

/* A name that ends inside the file, or NULL. Looking for the end takes time: none is so long. */
enum { BYTES_NAME_MOST = 4096 };

static inline const char *bytes_name(const struct bytes *b, uint64_t at)
{
    uint64_t most = at < b->size ? b->size - at : 0;
    if (most > BYTES_NAME_MOST)
        most = BYTES_NAME_MOST;
    return most && memchr(b->data + at, '\0', most) ? (const char *)b->data + at : NULL;
}

#endif
