/* SPDX-License-Identifier: MIT
 *
 * elf_code.c - see elf_code.h. The encoding: Intel's manual, volume 2, chapter 2 and appendix A.
 */
#include "elf_code.h"

#include <string.h>

/* For each opcode what follows it, and what it writes:
 *     -  nothing               1  a byte                  4  four bytes; nothing is written
 *     X  nothing               x  a byte                  y  four bytes; all is forgotten
 *     o  nothing               k  a byte                  i  four bytes; the register in the opcode
 *     R  operands              r  and a byte; nothing is written
 *     F  operands              B  and a byte              N  and four bytes; the first of them
 *     S  operands              b  and a byte              n  and four bytes; the second, a register
 *     Z  operands              T  and perhaps a byte      U  or four bytes; all is forgotten
 *     .  is not known
 * Calls and jumps forget; a jump that may not be taken is passed. Vectors are no registers here. */
static const char short_opcodes[] =
    "FFSSxy..FFSSxy.." "FFSSxy..FFSSxy.." "FFSSxy..FFSSxy.." "FFSSxy..RRRR14.."
    "................" "--------oooooooo" "...S....4n1b...." "1111111111111111"
    "BN.BRRZZFFSSFSRF" "-XXXXXXXXX.----X" "....XXXX14XXXXXX" "kkkkkkkkiiiiiiii"
    "BB.X..BN.X..X..." "FFFF....RRRRRRRR" "1111....yy.x...." "......TU------ZZ";
static const char long_opcodes[] = /* after 0x0f */
    ".....X.....X.R.." "RRRRRRRRRRRRRRRR" "........RRRRSSRR" ".X.............."
    "SSSSSSSSSSSSSSSS" "SRRRRRRRRRRRRRRR" "RRRRRRRRRRRRRRRR" "rrrrRRR-....RRFR"
    "4444444444444444" "FFFFFFFFFFFFFFFF" "--XRBF..--.FBFRS" "ZZ.F..SSS.BFSSSS"
    "ZZrRrbrZoooooooo" "RRRRRRRSRRRRRRRR" "RRRRRRRRRRRRRRRR" "RRRRRRRRRRRRRRR.";

_Static_assert(sizeof short_opcodes == 257 && sizeof long_opcodes == 257, "one for each opcode");

enum { NONE = -1, ALL = -2 };

struct instruction {
    const unsigned char *code;
    size_t left, at;            /* bytes that are there, and that have been read */
    unsigned opcode, rex;
    char form;
    bool is_narrow;             /* operands of 16 bits */
    int target;                 /* the register that is written, NONE, or ALL */
    bool is_constant;
    uint32_t value;
};

static unsigned next(struct instruction *i)
{
    unsigned byte = i->at < i->left ? i->code[i->at] : 0;
    i->at++;
    return byte;
}

static bool is_one_of(char form, const char *forms)
{
    return strchr(forms, form) != NULL;
}

static void read_opcode(struct instruction *i)
{
    static const unsigned char prefixes[] = {0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
    unsigned byte = next(i);
    for (; memchr(prefixes, (int)byte, sizeof prefixes); byte = next(i))
        i->is_narrow |= byte == 0x66;
    if ((byte & 0xf0) == 0x40) {
        i->rex = byte;
        byte = next(i);
    }
    i->opcode = byte == 0x0f ? 0x0f00 | next(i) : byte;
    i->form = byte == 0x0f ? long_opcodes[i->opcode & 0xff] : short_opcodes[byte];
}

/* ModRM, and what it says is there of an index and a distance. */
static unsigned read_operands(struct instruction *i)
{
    unsigned operands = next(i), mode = operands >> 6, base = operands & 7;
    if (mode != 3 && base == 4)
        base = next(i) & 7;
    if (mode == 1)
        i->at += 1;
    if (mode == 2 || (mode == 0 && base == 5))
        i->at += 4;
    return operands;
}

static void read_number(struct instruction *i)
{
    for (unsigned shift = 0; shift < 32; shift += 8)
        i->value |= (uint32_t)next(i) << shift;
}

static int target_of(const struct instruction *i, unsigned operands)
{
    bool in_register = operands >> 6 == 3;
    if (is_one_of(i->form, "XxyZTU"))
        return ALL;
    if (is_one_of(i->form, "oki"))
        return (int)((i->opcode & 7) | (i->rex & 1) << 3);
    if (is_one_of(i->form, "FBN") && in_register)
        return (int)((operands & 7) | (i->rex & 1) << 3);
    return is_one_of(i->form, "Sbn") ? (int)((operands >> 3 & 7) | (i->rex & 4) << 1) : NONE;
}

/* mov of a number, and xor of a register with itself. */
static bool makes_constant(const struct instruction *i, unsigned operands)
{
    if (i->opcode == 0x31 || i->opcode == 0x33)
        return operands >> 6 == 3 && (operands >> 3 & 7) == (operands & 7) &&
               (i->rex >> 2 & 1) == (i->rex & 1);
    return i->form == 'i' || i->opcode == 0xc7;
}

/* False: it is not known, or not whole. */
static bool decode(const unsigned char *code, size_t left, struct instruction *ret)
{
    *ret = (struct instruction){.code = code, .left = left};
    read_opcode(ret);
    unsigned operands = is_one_of(ret->form, "RrFBNSbnZTU") ? read_operands(ret) : 0;
    bool tests = is_one_of(ret->form, "TU") && (operands >> 3 & 7) < 2;
    bool has_four = is_one_of(ret->form, "4yiNn") || (ret->form == 'U' && tests);
    if (is_one_of(ret->form, "1xkrBb") || (ret->form == 'T' && tests))
        ret->at++;
    if (has_four)
        read_number(ret);
    ret->target = target_of(ret, operands);
    ret->is_constant = makes_constant(ret, operands);
    bool other_size = has_four && (ret->is_narrow || (ret->form == 'i' && ret->rex & 8));
    return ret->form != '.' && !other_size && ret->at <= left;
}

struct result {
    bool is_constant;
    uint32_t value;
};

/* False: these are not instructions up to the end. */
static bool run(const unsigned char *code, size_t length, unsigned register_number,
                struct result *ret)
{
    struct instruction i;
    *ret = (struct result){false, 0};
    for (; length > 0; code += i.at, length -= i.at) {
        if (!decode(code, length, &i))
            return false;
        if (i.target == ALL || i.target == (int)register_number)
            *ret = (struct result){i.target != ALL && i.is_constant, i.value};
    }
    return true;
}

/* From the middle of an instruction one gets in step soon, so the longest way is the right one. */
bool elf_code_constant(const unsigned char *code, size_t length, unsigned register_number,
                       uint32_t *ret)
{
    struct result result;
    for (size_t start = 0; start < length; start++) {
        if (!run(code + start, length - start, register_number, &result))
            continue;
        *ret = result.value;
        return result.is_constant;
    }
    return false;
}
