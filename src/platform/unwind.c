/* SPDX-License-Identifier: MIT
 *
 * Reads the call frame information that compilers leave in .eh_frame.
 *
 * Decides: to understand what the frames between a finalizer and exit() or dlclose() need, and to
 * say "unknown" to everything else: signal frames, expressions for the CFA, odd encodings.
 * Leaves to others: what an unknown frame means (reason.c: an exit).
 *
 * Formats: "Linux Standard Base Core, Exception Frames", and DWARF 5, section 6.4. Every read is
 * checked against the table's memory; a table that lies yields a wrong row or none, never a stray
 * access. Why not libgcc's unwinder: DESIGN.md, "Walking the stack".
 *
 * Each image carries a copy of this: machine code is dear here, time is not. Hence one function
 * for every number, a table for the instructions, and nothing inlined that is called twice.
 */
#include "unwind.h"

#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

/* The addresses of what is still to read. Both are 0 after a read beyond the end, or of something
 * that is not understood; every read then gives 0, so that it is enough to look once, later. */
struct reader {
    uintptr_t at, end;
};

static void give_up(struct reader *r)
{
    r->at = r->end = 0;
}

static FINI_NOINLINE void skip_bytes(struct reader *r, uint64_t size)
{
    if (size > r->end - r->at)
        give_up(r);
    else
        r->at += size;
}

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { BIG_ENDIAN_NUMBERS = true };
#else
enum { BIG_ENDIAN_NUMBERS = false };
#endif

/* How a number is written. Up to U64, and from SIGNED on, as in the encodings of pointers; the
 * three of our own have the numbers that these leave. */
enum format {
    ADDRESS, LEB, U16, U32, U64,
    U8,
    FACTORED, /* LEB, to be multiplied by a factor of the CIE */
    BLOCK,    /* LEB, and that many bytes, which are skipped */
    KIND = 0x07,
    SIGNED = 0x08,
    FROM_HERE = 0x10, /* relative to the number's own address */
    FROM_ELSEWHERE = 0xe0
};

/* Most numbers are small LEBs, or stand with eight bytes of the table left. */
static bool read_quickly(struct reader *r, unsigned size, uint64_t *ret)
{
    if (size == 0) {
        *ret = r->at != r->end ? *(const unsigned char *)r->at : 0xff;
        r->at += *ret < 0x40;
        return *ret < 0x40;
    }
    if (r->end - r->at < sizeof *ret)
        return false;
    memcpy(ret, (const void *)r->at, sizeof *ret);
    r->at += size / 8;
    *ret = BIG_ENDIAN_NUMBERS ? *ret >> (64 - size) : *ret << (64 - size) >> (64 - size);
    return true;
}

/* A LEB has seven bits in each byte, and ends with the first whose eighth is clear. None that a
 * compiler writes has more than 63 bits. Gives how many bits were read; 0: gave up. */
static unsigned read_slowly(struct reader *r, unsigned size, uint64_t *ret)
{
    unsigned digit = size ? 8 : 7, most = size ? 0xff : 0x7f, shift = 0, byte;
    *ret = 0;
    do {
        if (r->at == r->end || shift > 56) {
            give_up(r);
            *ret = 0;
            return 0;
        }
        byte = *(const unsigned char *)r->at++;
        if (BIG_ENDIAN_NUMBERS && size != 0)
            *ret = *ret << 8 | byte;
        else
            *ret |= (uint64_t)(byte & most) << shift;
        shift += digit;
    } while (shift < size || byte > most);
    return shift;
}

static FINI_NOINLINE uint64_t read_number(struct reader *r, unsigned format)
{
    static const uint8_t sizes[] = {8 * sizeof(uintptr_t), 0, 16, 32, 64, 8, 0, 0};
    unsigned bits = sizes[format & KIND];
    uint64_t value;
    if (!read_quickly(r, bits, &value))
        bits = read_slowly(r, bits, &value);
    if ((format & SIGNED) && bits != 0)
        value = (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
    if ((format & KIND) == BLOCK)
        skip_bytes(r, value);
    return value;
}

static void enter_table(struct reader *r, const struct fini__unwind_table *table, uintptr_t address)
{
    r->at = (uintptr_t)table->begin;
    r->end = (uintptr_t)table->end;
    skip_bytes(r, address - r->at);
}

/* A record of .eh_frame begins with its length; 0 ends the section, 0xffffffff is the 64-bit
 * form, which no compiler uses: in both there is nothing to read. */
static FINI_NOINLINE void enter_record(struct reader *r, const struct fini__unwind_table *table,
                                       uintptr_t address)
{
    enter_table(r, table, address);
    uint64_t length = read_number(r, U32);
    if (length > r->end - r->at)
        give_up(r);
    else
        r->end = r->at + length;
}

/* ---- the sorted index, .eh_frame_hdr --------------------------------------------------------- */

/* Version 1, and the encodings that linkers use: of a pointer to .eh_frame, of the number of
 * entries, and of the two addresses in each, which are relative to the header. */
enum { INDEX_UNDERSTOOD = BIG_ENDIAN_NUMBERS ? 0x011b033b : 0x3b031b01 };

/* Where a function begins, and its record. */
struct entry {
    int32_t function, record;
};

static struct entry entry_at(uintptr_t address)
{
    struct entry entry;
    memcpy(&entry, (const void *)address, sizeof entry);
    return entry;
}

/* The record of the last function that begins at or before pc, if there is one; else some other
 * record, or 0. */
static uintptr_t find_record(struct reader *r, const struct fini__unwind_table *table,
                             uintptr_t pc)
{
    uintptr_t header = (uintptr_t)table->header;
    enter_table(r, table, header);
    if (read_number(r, U32) != INDEX_UNDERSTOOD)
        return 0;
    uint64_t count = read_number(r, U64); /* behind a pointer to .eh_frame */
    count = BIG_ENDIAN_NUMBERS ? count & UINT32_MAX : count >> 32;
    uintptr_t low = r->at;
    if (count == 0 || count > (r->end - low) / sizeof(struct entry))
        return 0;
    while (count > 1) {
        uintptr_t middle = low + count / 2 * sizeof(struct entry);
        if (entry_at(middle).function <= (intptr_t)(pc - header))
            low = middle;
        count -= count / 2;
    }
    return header + (uintptr_t)entry_at(low).record;
}

/* ---- what functions have in common: the CIE -------------------------------------------------- */

enum { REMEMBERED_MOST = 4 };

enum column { FRAME_POINTER, RETURN_ADDRESS, OTHER, COLUMNS };

/* A row, while instructions change it. */
struct state {
    unsigned cfa_register;
    int32_t cfa_offset;
    struct fini__unwind_column columns[COLUMNS];
};

/* The virtual machine of DWARF 5, 6.4.2, cut down to three columns. */
struct machine {
    struct reader reader;
    const struct fini__unwind_registers *registers;
    uint64_t ahead; /* how far pc is from where the state holds */
    uint64_t code_factor, data_factor;
    unsigned encoding; /* of pointers: a format */
    bool augmented;    /* a block before the instructions of each function */
    struct state *now;
    struct state states[3 + REMEMBERED_MOST]; /* empty, the CIE's, the function's, remembered */
};

static void read_augmentation(struct machine *m, const char *letters)
{
    struct reader *r = &m->reader;
    for (; r->at && *letters; letters++) {
        unsigned value = (unsigned)read_number(r, *letters == 'z' ? LEB : U8);
        if (*letters == 'z') /* how much the other letters take; they tell themselves */
            m->augmented = true;
        else if (*letters == 'R') /* how pointers are written */
            m->encoding = value;
        else if (*letters == 'P') /* the language's personality routine */
            read_number(r, value);
        else if (*letters != 'L') /* exception data of the language; 'S' is a signal frame */
            give_up(r);
    }
}

static bool read_common(struct machine *m)
{
    struct reader *r = &m->reader;
    if (read_number(r, U32) != 0)
        return false;
    if ((read_number(r, U8) | 2) != 3) /* versions 1 and 3 */
        return false;
    const char *letters = (const char *)r->at;
    while (read_number(r, U8) != 0)
        ;
    m->code_factor = read_number(r, LEB);
    m->data_factor = read_number(r, SIGNED | LEB);
    if (read_number(r, LEB) != m->registers->return_address)
        return false;
    read_augmentation(m, letters);
    return true;
}

/* ---- instructions ---------------------------------------------------------------------------- */

enum effect {
    NOT_UNDERSTOOD, NOTHING, ADVANCE, REMEMBER, RECALL, CFA_OFFSET, CFA_UNKNOWN,
    /* From here on the first operand is a register. */
    CFA_REGISTER, CFA, RESTORE, SAME, SAVED, UNKNOWN, GONE
};

/* An instruction's effect, and the format of its last operand, if that is not a register. */
#define DOES(effect, format) ((effect) | (format) << 4)
enum { NO_OPERAND = 0 };

enum { REMEMBER_STATE = 0x0a, SHORT_KIND = 0x40 };

static const uint8_t instructions[] = {
    [0x00] = DOES(NOTHING, NO_OPERAND),                  /* nop */
    [0x02] = DOES(ADVANCE, U8),                          /* advance_loc1 */
    [0x03] = DOES(ADVANCE, U16),                         /* advance_loc2 */
    [0x04] = DOES(ADVANCE, U32),                         /* advance_loc4 */
    [0x05] = DOES(SAVED, FACTORED),                      /* offset_extended */
    [0x06] = DOES(RESTORE, NO_OPERAND),                  /* restore_extended */
    [0x07] = DOES(GONE, NO_OPERAND),                     /* undefined */
    [0x08] = DOES(SAME, NO_OPERAND),                     /* same_value */
    [0x09] = DOES(UNKNOWN, LEB),                         /* register */
    [REMEMBER_STATE] = DOES(REMEMBER, NO_OPERAND),       /* remember_state */
    [0x0b] = DOES(RECALL, NO_OPERAND),                   /* restore_state */
    [0x0c] = DOES(CFA, LEB),                             /* def_cfa */
    [0x0d] = DOES(CFA_REGISTER, NO_OPERAND),             /* def_cfa_register */
    [0x0e] = DOES(CFA_OFFSET, LEB),                      /* def_cfa_offset */
    [0x0f] = DOES(CFA_UNKNOWN, BLOCK),                   /* def_cfa_expression */
    [0x10] = DOES(UNKNOWN, BLOCK),                       /* expression */
    [0x11] = DOES(SAVED, SIGNED | FACTORED),             /* offset_extended_sf */
    [0x12] = DOES(CFA, SIGNED | FACTORED),               /* def_cfa_sf */
    [0x13] = DOES(CFA_OFFSET, SIGNED | FACTORED),        /* def_cfa_offset_sf */
    [0x14] = DOES(UNKNOWN, LEB),                         /* val_offset */
    [0x15] = DOES(UNKNOWN, SIGNED | LEB),                /* val_offset_sf */
    [0x16] = DOES(UNKNOWN, BLOCK),                       /* val_expression */
    [0x2d] = DOES(NOTHING, NO_OPERAND),                  /* AARCH64_negate_ra_state */
    [0x2e] = DOES(NOTHING, LEB),                         /* GNU_args_size */
    /* Those with the first operand in their low six bits: 0x40, 0x80, 0xc0. */
    [SHORT_KIND] = DOES(ADVANCE, NO_OPERAND),                 /* advance_loc */
    [SHORT_KIND + 1] = DOES(SAVED, FACTORED),                 /* offset */
    [SHORT_KIND + 2] = DOES(RESTORE, NO_OPERAND),             /* restore */
};

static bool remember_row(struct machine *m)
{
    if (m->now == &m->states[2 + REMEMBERED_MOST])
        return false;
    m->now[1] = m->now[0];
    m->now++;
    return true;
}

static bool recall_row(struct machine *m)
{
    if (m->now <= &m->states[2])
        return false;
    m->now--;
    return true;
}

static void advance_row(struct machine *m, uint64_t distance)
{
    if (distance > m->ahead)
        m->reader.at = m->reader.end;
    m->ahead -= distance;
}

static enum column column_of(const struct machine *m, uint64_t number)
{
    if (number == m->registers->frame_pointer)
        return FRAME_POINTER;
    return number == m->registers->return_address ? RETURN_ADDRESS : OTHER;
}

static bool change_row(struct machine *m, unsigned effect, uint64_t number, uint64_t operand)
{
    struct state *now = m->now;
    enum column column = column_of(m, number);
    switch (effect) {
    case NOT_UNDERSTOOD:
        return false;
    case NOTHING:
        return true;
    case ADVANCE:
        advance_row(m, operand * m->code_factor);
        return true;
    case REMEMBER:
        return remember_row(m);
    case RECALL:
        return recall_row(m);
    case CFA:
        now->cfa_offset = (int32_t)operand;
        /* fall through */
    case CFA_REGISTER:
        now->cfa_register = (unsigned)number;
        return true;
    case CFA_OFFSET:
        now->cfa_offset = (int32_t)operand;
        return true;
    case CFA_UNKNOWN:
        now->cfa_register = UINT32_MAX;
        return true;
    case RESTORE:
        now->columns[column] = m->states[1].columns[column];
        return true;
    default:
        now->columns[column].rule = effect - SAME + FINI__UNWIND_SAME;
        now->columns[column].offset = (int32_t)operand;
        return true;
    }
}

static bool execute(struct machine *m, unsigned byte)
{
    unsigned instruction = instructions[byte < SHORT_KIND ? byte : SHORT_KIND - 1 + (byte >> 6)];
    unsigned effect = instruction & 0x0f, format = instruction >> 4;
    uint64_t number = byte & 0x3f, operand = number;
    if (byte < SHORT_KIND && effect >= CFA_REGISTER)
        number = read_number(&m->reader, LEB);
    if (format != NO_OPERAND)
        operand = read_number(&m->reader, format);
    if ((format & KIND) == FACTORED)
        operand *= m->data_factor;
    return change_row(m, effect, number, operand);
}

/* Begins with a copy of the state so far, because the one that the CIE has left can be restored. */
static FINI_NOINLINE bool run_instructions(struct machine *m)
{
    struct reader *r = &m->reader;
    for (unsigned byte = REMEMBER_STATE; execute(m, byte); byte = *(const uint8_t *)r->at++)
        if (r->at == r->end)
            return r->at != 0;
    return false;
}

/* ---- putting it together --------------------------------------------------------------------- */

/* The record of one function, the FDE: where its CIE is, where it begins, how long it is. */
static bool run_function(struct machine *m, const struct fini__unwind_table *table,
                         uintptr_t record, uintptr_t pc, uintptr_t *ret)
{
    struct reader *r = &m->reader;
    enter_record(r, table, record);
    uintptr_t here = r->at, common = here - read_number(r, U32);
    struct reader rest = *r;
    enter_record(r, table, common);
    if (!read_common(m) || !run_instructions(m))
        return false;
    *r = rest;
    here = m->encoding & FROM_HERE ? r->at : 0;
    *ret = here + read_number(r, m->encoding);
    uint64_t size = read_number(r, m->encoding);
    m->ahead = pc - *ret;
    if (m->encoding & FROM_ELSEWHERE || pc < *ret || m->ahead >= size)
        return false;
    if (m->augmented)
        read_number(r, BLOCK);
    return run_instructions(m);
}

bool fini__unwind_find(const struct fini__unwind_table *table,
                                 const struct fini__unwind_registers *registers, uintptr_t pc,
                                 struct fini__unwind_row *ret)
{
    struct machine m = {.registers = registers, .now = m.states};
    uintptr_t record = find_record(&m.reader, table, pc);
    if (!run_function(&m, table, record, pc, &ret->function))
        return false;
    const struct state *s = m.now;
    ret->cfa_from_frame_pointer = s->cfa_register == registers->frame_pointer;
    ret->cfa_known = ret->cfa_from_frame_pointer | (s->cfa_register == registers->stack_pointer);
    ret->cfa_offset = s->cfa_offset;
    ret->frame_pointer = s->columns[FRAME_POINTER];
    ret->return_address = s->columns[RETURN_ADDRESS];
    ret->outermost = ret->return_address.rule == FINI__UNWIND_GONE;
    return ret->cfa_known || ret->outermost;
}
