/* SPDX-License-Identifier: MIT
 *
 * elf_code.c - see elf_code.h.
 *
 * Decides what an instruction does to a register. Leaves to Capstone what the instruction is.
 */
#include "elf_code.h"

#include <capstone/capstone.h>

struct code {
    csh handle;
    cs_insn *instruction;
    const unsigned char *data;
    size_t length;
    bool was_tried[ELF_CODE_MOST];
};

struct result {
    bool is_constant;
    uint64_t value;
};

static const x86_reg parts[][5] = {
    [ELF_CODE_RDX] = {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
    [ELF_CODE_RSI] = {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
};

static bool is_part(enum elf_code_register whole, unsigned name)
{
    for (size_t i = 0; i < sizeof parts[whole] / sizeof parts[whole][0]; i++)
        if (name != X86_REG_INVALID && parts[whole][i] == name)
            return true;
    return false;
}

/* A function that is called may write it; behind a jump, one comes from elsewhere. */
static bool forgets(const struct code *code)
{
    const cs_insn *i = code->instruction;
    return cs_insn_group(code->handle, i, X86_GRP_CALL) || i->id == X86_INS_JMP ||
           cs_insn_group(code->handle, i, X86_GRP_RET) || i->id == X86_INS_LJMP ||
           cs_insn_group(code->handle, i, X86_GRP_INT) || i->id == X86_INS_UD2;
}

/* An operand of which Capstone does not know whether it is written counts as written. */
static bool writes(const cs_insn *i, enum elf_code_register whole)
{
    const cs_x86 *x86 = &i->detail->x86;
    for (uint8_t n = 0; n < i->detail->regs_write_count; n++)
        if (is_part(whole, i->detail->regs_write[n]))
            return true;
    for (uint8_t n = 0; n < x86->op_count; n++)
        if (x86->operands[n].type == X86_OP_REG && x86->operands[n].access != CS_AC_READ &&
            is_part(whole, x86->operands[n].reg))
            return true;
    return false;
}

/* mov of a number, and xor of a register with itself. 32 bits fill the register, fewer do not. */
static struct result written(const cs_insn *i)
{
    const cs_x86_op *to = &i->detail->x86.operands[0], *from = to + 1;
    bool is_mov = i->id == X86_INS_MOV || i->id == X86_INS_MOVABS;
    if (i->detail->x86.op_count != 2 || to->type != X86_OP_REG || to->size < 4)
        return (struct result){false, 0};
    if (is_mov && from->type == X86_OP_IMM)
        return (struct result){true, to->size == 4 ? (uint32_t)from->imm : (uint64_t)from->imm};
    return (struct result){i->id == X86_INS_XOR && from->type == X86_OP_REG &&
                           from->reg == to->reg, 0};
}

/* False: these are not instructions up to the end, or an earlier start has come by here, too. */
static bool run(struct code *code, size_t start, enum elf_code_register whole, struct result *ret)
{
    const uint8_t *at = code->data + start;
    size_t left = code->length - start;
    uint64_t address = 0;
    *ret = (struct result){false, 0};
    while (left > 0) {
        bool *was_tried = &code->was_tried[code->length - left];
        if (*was_tried)
            return false;
        *was_tried = true;
        if (!cs_disasm_iter(code->handle, &at, &left, &address, code->instruction))
            return false;
        if (forgets(code))
            *ret = (struct result){false, 0};
        else if (writes(code->instruction, whole))
            *ret = written(code->instruction);
    }
    return true;
}

/* From the middle of an instruction one gets in step soon, so the longest way is the right one. */
static bool constant(struct code *code, enum elf_code_register whole, uint64_t *ret)
{
    struct result result;
    for (size_t start = 0; start < code->length; start++) {
        if (!run(code, start, whole, &result))
            continue;
        *ret = result.value;
        return result.is_constant;
    }
    return false;
}

bool elf_code_constant(const unsigned char *data, size_t length, enum elf_code_register whole,
                       uint64_t *ret)
{
    size_t skipped = length > ELF_CODE_MOST ? length - ELF_CODE_MOST : 0;
    struct code code = {.data = data + skipped, .length = length - skipped};
    bool is_constant = false;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &code.handle) != CS_ERR_OK)
        return false;
    if (cs_option(code.handle, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
        code.instruction = cs_malloc(code.handle);
    if (code.instruction) {
        is_constant = constant(&code, whole, ret);
        cs_free(code.instruction, 1);
    }
    cs_close(&code.handle);
    return is_constant;
}
