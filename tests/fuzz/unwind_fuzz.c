/* SPDX-License-Identifier: MIT
 *
 * fini__unwind_find over tables that lie.
 *
 * Input: where the pc is (4 bytes, signed, from the table), where .eh_frame_hdr begins in it (2
 * bytes), and the table. Its memory is exactly as long, so that the address sanitizer sees every
 * stray access. Decides: that the row, if there is one, is one and makes sense.
 */
#include <stdlib.h>
#include <string.h>

#include "platform/unwind.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const struct fini__unwind_registers registers = {
    .frame_pointer = 6, .stack_pointer = 7, .return_address = 16};

static int check(const struct fini__unwind_table *table, uintptr_t pc)
{
    struct fini__unwind_row row = {.function = 0}, again = {.function = 1};
    bool found = fini__unwind_find(table, &registers, pc, &row);
    if (found != fini__unwind_find(table, &registers, pc, &again))
        abort();
    if (!found)
        return 0;
    if (row.function > pc || !(row.cfa_known || row.outermost))
        abort();
    if (row.function != again.function || row.cfa_offset != again.cfa_offset)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int32_t pc;
    uint16_t header;
    if (size < 7)
        return 0;
    memcpy(&pc, data, sizeof pc);
    memcpy(&header, data + 4, sizeof header);
    size -= 6;
    unsigned char *memory = malloc(size);
    memcpy(memory, data + 6, size);
    struct fini__unwind_table table = {memory + header % (size + 1), memory, memory + size};
    check(&table, (uintptr_t)memory + (uintptr_t)(intptr_t)pc);
    free(memory);
    return 0;
}
