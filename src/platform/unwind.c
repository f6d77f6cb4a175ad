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
 */
#include "unwind.h"

#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    const unsigned char *at, *end;
    bool bad; /* read beyond the end, or not understood; `at` is then `end`, and reads give 0 */
};

static void give_up(struct reader *r)
{
    r->bad = true;
    r->at = r->end;
}

static uint8_t read_byte(struct reader *r)
{
    if (r->at < r->end)
        return *r->at++;
    give_up(r);
    return 0;
}

/* The size is a constant in each call, so that this becomes one load. */
static inline bool read_fixed(struct reader *r, void *ret, size_t size)
{
    if ((size_t)(r->end - r->at) < size) {
        give_up(r);
        return false;
    }
    memcpy(ret, r->at, size);
    r->at += size;
    return true;
}

static uint16_t read_u16(struct reader *r)
{
    uint16_t value;
    return read_fixed(r, &value, sizeof value) ? value : 0;
}

static uint32_t read_u32(struct reader *r)
{
    uint32_t value;
    return read_fixed(r, &value, sizeof value) ? value : 0;
}

static uint64_t read_u64(struct reader *r)
{
    uint64_t value;
    return read_fixed(r, &value, sizeof value) ? value : 0;
}

static int64_t read_long_leb(struct reader *r, uint8_t byte, bool is_signed)
{
    uint64_t value = byte & 0x7f;
    unsigned shift = 7;
    while (byte & 0x80) {
        byte = read_byte(r);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    if (is_signed && (byte & 0x40) && shift < 64)
        value |= ~UINT64_C(0) << shift;
    return (int64_t)value;
}

static inline int64_t read_leb(struct reader *r, bool is_signed)
{
    uint8_t byte = read_byte(r);
    return byte < 0x40 ? byte : read_long_leb(r, byte, is_signed);
}

static uint64_t read_uleb(struct reader *r)
{
    return (uint64_t)read_leb(r, false);
}

static void skip(struct reader *r, uint64_t size)
{
    if (size > (uint64_t)(r->end - r->at))
        give_up(r);
    else
        r->at += size;
}

/* Pointer encodings: the low half says how wide, 0x10 that it is relative to its own address. */
enum { ENCODED_PCREL = 0x10, ENCODED_ABSOLUTE = 0x00, ENCODED_UDATA4 = 0x03, ENCODED_SDATA4 = 0x0b,
       ENCODED_SDATA8 = 0x0c, ENCODED_DATAREL_SDATA4 = 0x3b };

static uint64_t read_width(struct reader *r, unsigned encoding)
{
    switch (encoding & 0x0f) {
    case ENCODED_ABSOLUTE:
    case ENCODED_SDATA8:
        return read_u64(r);
    case ENCODED_UDATA4:
        return read_u32(r);
    case ENCODED_SDATA4:
        return (uint64_t)(int64_t)(int32_t)read_u32(r);
    default:
        give_up(r);
        return 0;
    }
}

static uintptr_t read_pointer(struct reader *r, unsigned encoding)
{
    uintptr_t here = (uintptr_t)r->at;
    uint64_t value = read_width(r, encoding);
    switch (encoding & 0xf0) {
    case 0:
        return (uintptr_t)value;
    case ENCODED_PCREL:
        return (uintptr_t)(here + value);
    default:
        give_up(r);
        return 0;
    }
}

static struct reader reader_at(const struct fini__unwind_table *table, uintptr_t address)
{
    struct reader r = {.at = table->end, .end = table->end, .bad = true};
    if (address >= (uintptr_t)table->begin && address < (uintptr_t)table->end) {
        r.at = table->begin + (address - (uintptr_t)table->begin);
        r.bad = false;
    }
    return r;
}

/* A record of .eh_frame begins with its length; 0 ends the section, 0xffffffff is the 64-bit
 * form, which no compiler uses. The reader ends with the record. */
static struct reader record_at(const struct fini__unwind_table *table, uintptr_t address)
{
    struct reader r = reader_at(table, address);
    uint32_t length = read_u32(&r);
    if (length == 0 || length > (size_t)(r.end - r.at))
        give_up(&r);
    else
        r.end = r.at + length;
    return r;
}

/* ---- the sorted index, .eh_frame_hdr --------------------------------------------------------- */

struct index {
    uintptr_t base; /* entries are relative to the header */
    const unsigned char *entries;
    uint32_t count;
};

static int32_t entry(const struct index *index, uint32_t n, unsigned field)
{
    int32_t value;
    memcpy(&value, index->entries + (size_t)n * 8 + field * 4, sizeof value);
    return value;
}

static bool read_index(const struct fini__unwind_table *table, struct index *ret)
{
    struct reader r = reader_at(table, (uintptr_t)table->header);
    bool understood = read_byte(&r) == 1;
    understood &= read_byte(&r) == (ENCODED_PCREL | ENCODED_SDATA4);
    understood &= read_byte(&r) == ENCODED_UDATA4;
    understood &= read_byte(&r) == ENCODED_DATAREL_SDATA4;
    skip(&r, 4);
    ret->count = read_u32(&r);
    ret->base = (uintptr_t)table->header;
    ret->entries = r.at;
    return understood && !r.bad && ret->count > 0 && ret->count <= (size_t)(r.end - r.at) / 8;
}

/* The record of the last function that begins at or before pc. */
static bool find_record(const struct index *index, uintptr_t pc, uintptr_t *ret)
{
    uint32_t low = 0, high = index->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (index->base + (uintptr_t)(intptr_t)entry(index, middle, 0) <= pc)
            low = middle;
        else
            high = middle;
    }
    *ret = index->base + (uintptr_t)(intptr_t)entry(index, low, 1);
    return index->base + (uintptr_t)(intptr_t)entry(index, low, 0) <= pc;
}

/* ---- what functions have in common: the CIE -------------------------------------------------- */

struct common {
    uint64_t code_factor;
    int64_t data_factor;
    unsigned pointer_encoding;
    bool augmented; /* a length before the instructions of each function */
    struct reader instructions;
};

static void read_augmentation(struct reader *r, const char *letters, struct common *ret)
{
    uint64_t length = read_uleb(r);
    struct reader data = *r;
    skip(r, length);
    if (!r->bad)
        data.end = r->at;
    for (; *letters && !r->bad; letters++)
        switch (*letters) {
        case 'R': /* how pointers are written */
            ret->pointer_encoding = read_byte(&data);
            break;
        case 'L': /* exception data of the language */
            read_byte(&data);
            break;
        case 'P': /* the language's personality routine */
            read_width(&data, read_byte(&data));
            break;
        default: /* 'S', a signal frame, among others */
            give_up(r);
        }
    if (data.bad)
        give_up(r);
}

static const char *read_string(struct reader *r)
{
    const char *string = (const char *)r->at;
    while (read_byte(r) != 0)
        ;
    return r->bad ? "" : string;
}

static bool read_common(const struct fini__unwind_table *table, uintptr_t address,
                        unsigned return_address, struct common *ret)
{
    struct reader r = record_at(table, address);
    if (read_u32(&r) != 0)
        return false;
    uint8_t version = read_byte(&r);
    const char *letters = read_string(&r);
    ret->code_factor = read_uleb(&r);
    ret->data_factor = read_leb(&r, true);
    uint64_t column = version == 1 ? read_byte(&r) : read_uleb(&r);
    ret->pointer_encoding = ENCODED_ABSOLUTE;
    ret->augmented = *letters == 'z';
    if (ret->augmented)
        read_augmentation(&r, letters + 1, ret);
    else if (*letters)
        give_up(&r);
    ret->instructions = r;
    return !r.bad && (version == 1 || version == 3) && column == return_address;
}

/* ---- instructions ---------------------------------------------------------------------------- */

/* How deep compilers nest remember_state: once. */
enum { REMEMBERED_MOST = 4 };

/* The virtual machine of DWARF 5, 6.4.2, cut down to three columns. */
struct machine {
    const struct fini__unwind_registers *registers;
    const struct common *common;
    uintptr_t location, pc;
    struct fini__unwind_row row, initial, remembered[REMEMBERED_MOST];
    unsigned remembered_count;
    bool done; /* the row for pc is complete */
};

static struct fini__unwind_column *column_of(struct machine *m, struct fini__unwind_row *row,
                                             uint64_t number)
{
    if (number == m->registers->frame_pointer)
        return &row->frame_pointer;
    if (number == m->registers->return_address)
        return &row->return_address;
    return NULL;
}

static void set_column(struct machine *m, uint64_t number, enum fini__unwind_rule rule,
                       int64_t offset)
{
    struct fini__unwind_column *column = column_of(m, &m->row, number);
    if (column)
        *column = (struct fini__unwind_column){rule, offset};
}

static void restore_column(struct machine *m, uint64_t number)
{
    struct fini__unwind_column *column = column_of(m, &m->row, number);
    if (column)
        *column = *column_of(m, &m->initial, number);
}

static void set_cfa_register(struct machine *m, uint64_t number)
{
    m->row.cfa_from_frame_pointer = number == m->registers->frame_pointer;
    m->row.cfa_known = m->row.cfa_from_frame_pointer || number == m->registers->stack_pointer;
}

static int64_t factored(const struct machine *m, int64_t value)
{
    return (int64_t)((uint64_t)value * (uint64_t)m->common->data_factor);
}

static void advance_location(struct machine *m, uint64_t delta)
{
    m->location += (uintptr_t)(delta * m->common->code_factor);
    m->done = m->location > m->pc;
}

static void remember(struct machine *m, struct reader *r)
{
    if (m->remembered_count == REMEMBERED_MOST)
        give_up(r);
    else
        m->remembered[m->remembered_count++] = m->row;
}

static void recall(struct machine *m, struct reader *r)
{
    if (m->remembered_count == 0)
        give_up(r);
    else
        m->row = m->remembered[--m->remembered_count];
}

static void undefine(struct machine *m, uint64_t number)
{
    set_column(m, number, FINI__UNWIND_UNKNOWN, 0);
    if (number == m->registers->return_address)
        m->row.outermost = true;
}

static void skip_block(struct reader *r)
{
    skip(r, read_uleb(r));
}

enum {
    CFA_ADVANCE = 1, CFA_OFFSET = 2, CFA_RESTORE = 3, /* in the two high bits */
    CFA_NOP = 0x00, CFA_SET_LOC, CFA_ADVANCE1, CFA_ADVANCE2, CFA_ADVANCE4, CFA_OFFSET_EXTENDED,
    CFA_RESTORE_EXTENDED, CFA_UNDEFINED, CFA_SAME_VALUE, CFA_REGISTER, CFA_REMEMBER, CFA_RECALL,
    CFA_DEF, CFA_DEF_REGISTER, CFA_DEF_OFFSET, CFA_DEF_EXPRESSION, CFA_EXPRESSION,
    CFA_OFFSET_EXTENDED_SF, CFA_DEF_SF, CFA_DEF_OFFSET_SF, CFA_VAL_OFFSET, CFA_VAL_OFFSET_SF,
    CFA_VAL_EXPRESSION, CFA_GNU_ARGS_SIZE = 0x2e
};

/* Instructions that say where the CFA is. False: it is not one of them. */
static bool step_cfa(struct machine *m, struct reader *r, uint8_t code)
{
    switch (code) {
    case CFA_DEF:
        set_cfa_register(m, read_uleb(r));
        m->row.cfa_offset = read_leb(r, false);
        return true;
    case CFA_DEF_SF:
        set_cfa_register(m, read_uleb(r));
        m->row.cfa_offset = factored(m, read_leb(r, true));
        return true;
    case CFA_DEF_REGISTER:
        set_cfa_register(m, read_uleb(r));
        return true;
    case CFA_DEF_OFFSET:
        m->row.cfa_offset = read_leb(r, false);
        return true;
    case CFA_DEF_OFFSET_SF:
        m->row.cfa_offset = factored(m, read_leb(r, true));
        return true;
    case CFA_DEF_EXPRESSION:
        m->row.cfa_known = false;
        skip_block(r);
        return true;
    default:
        return false;
    }
}

/* Instructions that say where a register is. False: it is not one of them. */
static bool step_column(struct machine *m, struct reader *r, uint8_t code)
{
    uint64_t number;
    if (code < CFA_OFFSET_EXTENDED || (code > CFA_REGISTER && code < CFA_EXPRESSION))
        return false;
    if (code > CFA_VAL_EXPRESSION)
        return false;
    number = read_uleb(r);
    switch (code) {
    case CFA_OFFSET_EXTENDED:
        set_column(m, number, FINI__UNWIND_SAVED, factored(m, read_leb(r, false)));
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        set_column(m, number, FINI__UNWIND_SAVED, factored(m, read_leb(r, true)));
        return true;
    case CFA_RESTORE_EXTENDED:
        restore_column(m, number);
        return true;
    case CFA_UNDEFINED:
        undefine(m, number);
        return true;
    case CFA_SAME_VALUE:
        set_column(m, number, FINI__UNWIND_SAME, 0);
        return true;
    case CFA_EXPRESSION:
    case CFA_VAL_EXPRESSION:
        skip_block(r);
        break;
    default: /* in another register, or as a value relative to the CFA */
        read_uleb(r);
    }
    set_column(m, number, FINI__UNWIND_UNKNOWN, 0);
    return true;
}

static void step_other(struct machine *m, struct reader *r, uint8_t code)
{
    switch (code) {
    case CFA_NOP:
        break;
    case CFA_ADVANCE1:
        advance_location(m, read_byte(r));
        break;
    case CFA_ADVANCE2:
        advance_location(m, read_u16(r));
        break;
    case CFA_ADVANCE4:
        advance_location(m, read_u32(r));
        break;
    case CFA_REMEMBER:
        remember(m, r);
        break;
    case CFA_RECALL:
        recall(m, r);
        break;
    case CFA_GNU_ARGS_SIZE:
        read_uleb(r);
        break;
    default:
        give_up(r);
    }
}

static void step(struct machine *m, struct reader *r)
{
    uint8_t byte = read_byte(r);
    uint8_t operand = byte & 0x3f;
    switch (byte >> 6) {
    case CFA_ADVANCE:
        advance_location(m, operand);
        break;
    case CFA_OFFSET:
        set_column(m, operand, FINI__UNWIND_SAVED, factored(m, read_leb(r, false)));
        break;
    case CFA_RESTORE:
        restore_column(m, operand);
        break;
    default:
        if (!step_cfa(m, r, byte) && !step_column(m, r, byte))
            step_other(m, r, byte);
    }
}

static bool run(struct machine *m, struct reader instructions)
{
    while (!m->done && instructions.at < instructions.end)
        step(m, &instructions);
    return m->done || !instructions.bad;
}

/* ---- putting it together --------------------------------------------------------------------- */

/* The record of one function, the FDE: where its CIE is, where it begins, how long it is. */
static bool read_function(const struct fini__unwind_table *table, uintptr_t address,
                          struct machine *m, struct common *common, struct reader *ret)
{
    struct reader r = record_at(table, address);
    uintptr_t here = (uintptr_t)r.at;
    uintptr_t distance = read_u32(&r);
    if (r.bad || distance == 0 ||
        !read_common(table, here - distance, m->registers->return_address, common))
        return false;
    m->row.function = m->location = read_pointer(&r, common->pointer_encoding);
    uint64_t size = read_width(&r, common->pointer_encoding);
    if (common->augmented)
        skip_block(&r);
    *ret = r;
    return !r.bad && m->pc >= m->location && m->pc - m->location < size;
}

bool fini__unwind_find(const struct fini__unwind_table *table,
                       const struct fini__unwind_registers *registers, uintptr_t pc,
                       struct fini__unwind_row *ret)
{
    struct machine m; /* without its memory of rows, which is most of it */
    struct common common;
    struct reader instructions;
    struct index index;
    uintptr_t record;

    m.registers = registers;
    m.common = &common;
    m.pc = pc;
    m.remembered_count = 0;
    m.done = false;
    m.row = m.initial = (struct fini__unwind_row){.cfa_known = false};
    if (!read_index(table, &index) || !find_record(&index, pc, &record) ||
        !read_function(table, record, &m, &common, &instructions) ||
        !run(&m, common.instructions))
        return false;
    m.initial = m.row;
    if (m.done || !run(&m, instructions))
        return false;
    *ret = m.row;
    return m.row.cfa_known || m.row.outermost;
}
