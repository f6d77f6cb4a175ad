/* SPDX-License-Identifier: MIT
 *
 * elf_calls.c - see elf_calls.h.
 *
 * A function of another image is called through a slot that the loader fills (`ff 15`: call
 * through the slot, `ff 25`: jump through it), or through a stub that jumps so (`e8`, `e9` to the
 * stub). A stub begins at its jump, or before it with endbr64 and perhaps a bnd prefix. A jump to
 * which nobody comes is no stub, but a call that is the last of its function.
 */
#include "elf_calls.h"

#include <string.h>

#include "elf_code.h"

enum { SLOTS = 8, JUMPS = 64, BEFORE = 48 };

struct code {
    const unsigned char *data;
    uint64_t address, size;
};

struct jump {
    struct code code;
    size_t at;
    bool is_stub;
};

struct search {
    const struct elf_view *view;
    const char *name;
    uint64_t slot[SLOTS];
    struct jump jump[JUMPS];
    size_t slots, jumps;
    elf_call_fn *each;
    void *context;
};

static void collect_slot(void *context, const struct elf_relocation *r)
{
    struct search *search = context;
    GElf_Sym symbol;
    const char *name = elf_view_symbol(search->view, r->symbol, &symbol);
    bool is_filled = r->type == R_X86_64_JUMP_SLOT || r->type == R_X86_64_GLOB_DAT;
    if (is_filled && name && strcmp(name, search->name) == 0 && search->slots < SLOTS)
        search->slot[search->slots++] = r->offset;
}

/* Where an instruction of so many bytes that ends in a distance leads to. */
static uint64_t target(const struct code *code, size_t at, size_t length)
{
    int32_t distance;
    memcpy(&distance, code->data + at + length - 4, sizeof distance);
    return code->address + at + length + (uint64_t)(int64_t)distance;
}

static void report(const struct search *search, const struct code *code, size_t at)
{
    size_t length = at < BEFORE ? at : BEFORE;
    search->each(search->context, code->address + at, code->data + at - length, length);
}

static bool is_slot(const struct search *search, uint64_t address)
{
    for (size_t i = 0; i < search->slots; i++)
        if (search->slot[i] == address)
            return true;
    return false;
}

static void through_slots(struct search *search, const struct code *code)
{
    for (size_t at = 0; at + 6 <= code->size; at++) {
        const unsigned char *byte = memchr(code->data + at, 0xff, code->size - 5 - at);
        if (!byte)
            return;
        at = (size_t)(byte - code->data);
        if ((byte[1] != 0x15 && byte[1] != 0x25) || !is_slot(search, target(code, at, 6)))
            continue;
        if (byte[1] == 0x25 && search->jumps < JUMPS)
            search->jump[search->jumps++] = (struct jump){*code, at, false};
        else
            report(search, code, at);
    }
}

static bool leads_to_stub(struct search *search, uint64_t address)
{
    for (size_t i = 0; i < search->jumps; i++) {
        uint64_t distance = search->jump[i].code.address + search->jump[i].at - address;
        if (distance != 0 && distance != 4 && distance != 5)
            continue;
        search->jump[i].is_stub = true;
        return true;
    }
    return false;
}

static void through_stubs(struct search *search, const struct code *code)
{
    for (size_t at = 0; search->jumps && at + 5 <= code->size; at++)
        if ((code->data[at] == 0xe8 || code->data[at] == 0xe9) &&
            leads_to_stub(search, target(code, at, 5)))
            report(search, code, at);
}

static void last_calls(const struct search *search)
{
    for (size_t i = 0; i < search->jumps; i++)
        if (!search->jump[i].is_stub)
            report(search, &search->jump[i].code, search->jump[i].at);
}

static void each_code(struct search *search, void (*scan)(struct search *, const struct code *))
{
    GElf_Phdr segment;
    for (size_t i = 0; elf_view_segment(search->view, i, &segment); i++) {
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X))
            continue;
        struct code code = {NULL, segment.p_vaddr, 0};
        uint64_t offset;
        if (!elf_view_offset(search->view, segment.p_vaddr, &offset, &code.size) || code.size < 8)
            continue;
        code.data = search->view->bytes + offset;
        scan(search, &code);
    }
}

void elf_calls(const struct elf_view *view, const char *name, elf_call_fn *each, void *context)
{
    struct search search = {.view = view, .name = name, .each = each, .context = context};
    if (view->header.e_machine != EM_X86_64)
        return;
    elf_view_relocations(view, collect_slot, &search);
    if (!search.slots)
        return;
    each_code(&search, through_slots);
    each_code(&search, through_stubs);
    last_calls(&search);
}

bool elf_call_third_is_zero(const unsigned char *before, size_t length)
{
    uint32_t value;
    return elf_code_constant(before, length, ELF_CODE_RDX, &value) && value == 0;
}

bool elf_call_second_has(const unsigned char *before, size_t length, uint32_t flags)
{
    uint32_t value;
    return elf_code_constant(before, length, ELF_CODE_RSI, &value) && (value & flags) == flags;
}
