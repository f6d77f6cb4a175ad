/* SPDX-License-Identifier: MIT
 *
 * One row of an unwind table: how to get from a function to its caller.
 *
 * Decides: what of .eh_frame is understood (unwind.c). Leaves to others: finding the table of an
 * address and reading the stack (glibc.c).
 */
#ifndef FINI_UNWIND_H
#define FINI_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

/* A PT_GNU_EH_FRAME segment, and the memory that it may lead into. */
struct fini__unwind_table {
    const unsigned char *header, *begin, *end;
};

/* The numbers of three registers in DWARF, for a processor: processor.h. */
struct fini__unwind_registers {
    unsigned frame_pointer, stack_pointer, return_address;
};

enum fini__unwind_rule {
    FINI__UNWIND_SAME,    /* not changed by the function */
    FINI__UNWIND_SAVED,   /* saved at the offset from the CFA */
    FINI__UNWIND_UNKNOWN, /* some way that is not understood */
    FINI__UNWIND_GONE     /* nobody knows it any more */
};

struct fini__unwind_column {
    enum fini__unwind_rule rule;
    int32_t offset;
};

struct fini__unwind_row {
    uintptr_t function; /* where it begins */
    bool outermost;     /* it has no caller */
    bool cfa_known;     /* by the two below, not by an expression */
    bool cfa_from_frame_pointer; /* else from the stack pointer */
    int32_t cfa_offset;
    struct fini__unwind_column frame_pointer, return_address;
};

/* The row that holds for `pc`. False: no function there, or something not understood; `ret` is
 * then unspecified. Reads only inside the table's memory; no lock, no allocation, no recursion. */
FINI_INTERNAL bool fini__unwind_find(const struct fini__unwind_table *table,
                                     const struct fini__unwind_registers *registers,
                                     uintptr_t pc, struct fini__unwind_row *ret);

#endif
