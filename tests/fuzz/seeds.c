/* SPDX-License-Identifier: MIT
 *
 * seeds FOLDER: writes the seeds of unwind_fuzz.c, each a small table made of real records of the
 * loader and the C library. How corpus/ was made; not part of the tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

/* The input of unwind_fuzz.c, and where its parts are. */
struct seed {
    unsigned char bytes[4096];
    size_t length;
};

enum { TABLE = 6, INDEX = 12, ENTRY = 8, FUNCTIONS = 3 };

static uint32_t number_at(const unsigned char *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static void set_number(struct seed *seed, size_t at, uint32_t number)
{
    memcpy(seed->bytes + at, &number, sizeof number);
}

static size_t append_record(struct seed *seed, const unsigned char *record)
{
    size_t at = seed->length, length = number_at(record) + 4;
    if (at + length > sizeof seed->bytes)
        exit(1);
    memcpy(seed->bytes + at, record, length);
    seed->length += length;
    return at;
}

/* The n-th record, its CIE before it, and the pc made to lie 4096 times n behind the table. */
static void append_function(struct seed *seed, const unsigned char *record, unsigned n)
{
    const unsigned char *cie = record + 4 - number_at(record + 4);
    size_t cie_at = append_record(seed, cie), at = append_record(seed, record);
    uint32_t pc = 0x10000 + 0x1000 * n;
    set_number(seed, at + 4, (uint32_t)(at + 4 - cie_at));
    set_number(seed, at + 8, (uint32_t)(TABLE + pc - (at + 8)));
    set_number(seed, TABLE + INDEX + n * ENTRY, pc);
    set_number(seed, TABLE + INDEX + n * ENTRY + 4, (uint32_t)(at - TABLE));
}

static void make(struct seed *seed, const struct fini__unwind_table *table, unsigned first)
{
    static const unsigned char head[] = {0, 0, 1, 0, 0, 0, 1, 0x1b, 3, 0x3b, 0, 0, 0, 0,
                                         FUNCTIONS};
    uint32_t count = number_at(table->header + 8);
    memset(seed, 0, sizeof *seed);
    memcpy(seed->bytes, head, sizeof head);
    seed->length = TABLE + INDEX + FUNCTIONS * ENTRY;
    for (unsigned n = 0; n < FUNCTIONS; n++) {
        const unsigned char *entry = table->header + INDEX + (first + 37 * n) % count * ENTRY;
        append_function(seed, table->header + (int32_t)number_at(entry + 4), n);
    }
    set_number(seed, 0, 0x10000 + 0x1000 * (first % FUNCTIONS) + 20);
}

static void save(const struct seed *seed, const char *folder, const char *name, unsigned first)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%u", folder, name, first);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(seed->bytes, 1, seed->length, out) != seed->length || fclose(out) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"ld-linux", "libc.so"};
    if (argc != 2)
        return 2;
    for (int image = 0; image < 2; image++) {
        struct tables_image found;
        if (!tables_find(names[image], &found))
            return 1;
        for (unsigned first = 0; first < 160; first += 40) {
            struct seed seed;
            make(&seed, &found.table, first);
            save(&seed, argv[1], names[image], first);
        }
    }
    return 0;
}
