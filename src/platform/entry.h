/* SPDX-License-Identifier: MIT
 *
 * What the loader calls, where a function's frame does not say how to get to the loader's.
 *
 * Decides: on processors with FINI__FRAMES_CAPTURED, to note return address, stack pointer and
 * frame pointer before anything has changed them, so that the image itself needs no unwind tables.
 * Leaves to others: what is done then (glibc.c).
 *
 * Each function makes room for a struct fini__frame, fills it, and calls on with its address.
 */
#ifndef FINI_ENTRY_H
#define FINI_ENTRY_H

#include "processor.h"

#ifndef FINI__FRAMES_CAPTURED

/* Defines the two functions that the loader calls. Those given are called by them, with
 * what FINI_FRAME() would be there. */
#define FINI__ENTRIES(at_load, at_end)                \
    FINI_CONSTRUCTOR static void call_loaded(void)     \
    {                                                  \
        at_load(FINI_FRAME());                         \
    }                                                  \
    FINI_DESTRUCTOR static void call_finalize(void)    \
    {                                                  \
        at_end(FINI_FRAME());                          \
        FINI_NO_TAIL_CALL();                           \
    }                                                  \
    typedef int fini__entries_end_with_a_semicolon

#else

#define FINI__ENTRY_BEGIN(name)               \
    ".pushsection .text.fini__enter_" #name   \
    ", \"ax\", %progbits\n"                   \
    "\t.balign 8\n"                           \
    "\t.globl fini__enter_" #name "\n"        \
    "\t.hidden fini__enter_" #name "\n"       \
    "\t.type fini__enter_" #name ", %function\n" \
    "fini__enter_" #name ":\n"                \
    "\t.cfi_startproc\n"
#define FINI__ENTRY_END(name)                                    \
    "\t.cfi_endproc\n"                                           \
    "\t.size fini__enter_" #name ", .-fini__enter_" #name "\n"   \
    ".popsection\n"

#if defined(__aarch64__)
/* hint 34 is a landing pad for indirect branches, where the image asks for them (BTI). */
#define FINI__ENTRY(name)                    \
    __asm__(FINI__ENTRY_BEGIN(name)          \
            "\thint 34\n"                    \
            "\tstp x29, x30, [sp, -48]!\n"   \
            "\t.cfi_def_cfa_offset 48\n"     \
            "\t.cfi_offset 29, -48\n"        \
            "\t.cfi_offset 30, -40\n"        \
            "\tadd x9, sp, 48\n"             \
            "\tstp x30, x9, [sp, 16]\n"      \
            "\tstp x29, xzr, [sp, 32]\n"     \
            "\tadd x0, sp, 16\n"             \
            "\tmov x29, sp\n"                \
            "\tbl fini__entered_" #name "\n" \
            "\tldp x29, x30, [sp], 48\n"     \
            "\t.cfi_restore 29\n"            \
            "\t.cfi_restore 30\n"            \
            "\t.cfi_def_cfa_offset 0\n"      \
            "\tret\n"                        \
            FINI__ENTRY_END(name))
#elif defined(__riscv)
#define FINI__ENTRY(name)                      \
    __asm__(FINI__ENTRY_BEGIN(name)            \
            "\taddi sp, sp, -48\n"             \
            "\t.cfi_def_cfa_offset 48\n"       \
            "\tsd ra, 40(sp)\n"                \
            "\tsd s0, 32(sp)\n"                \
            "\t.cfi_offset 1, -8\n"            \
            "\t.cfi_offset 8, -16\n"           \
            "\taddi t0, sp, 48\n"              \
            "\tsd ra, 0(sp)\n"                 \
            "\tsd t0, 8(sp)\n"                 \
            "\tsd s0, 16(sp)\n"                \
            "\tsd zero, 24(sp)\n"              \
            "\tmv a0, sp\n"                    \
            "\tmv s0, t0\n"                    \
            "\tcall fini__entered_" #name "\n" \
            "\tld ra, 40(sp)\n"                \
            "\tld s0, 32(sp)\n"                \
            "\t.cfi_restore 1\n"               \
            "\t.cfi_restore 8\n"               \
            "\taddi sp, sp, 48\n"              \
            "\t.cfi_def_cfa_offset 0\n"        \
            "\tret\n"                          \
            FINI__ENTRY_END(name))
#elif defined(__powerpc64__)
/* Called through its global entry, with its own address in r12. */
#define FINI__ENTRY(name)                                            \
    __asm__(FINI__ENTRY_BEGIN(name)                                  \
            "\taddis 2, 12, .TOC.-fini__enter_" #name "@ha\n"        \
            "\taddi 2, 2, .TOC.-fini__enter_" #name "@l\n"           \
            "\t.localentry fini__enter_" #name ", .-fini__enter_" #name "\n" \
            "\tmflr 0\n"                                             \
            "\tstd 0, 16(1)\n"                                       \
            "\t.cfi_offset 65, 16\n"                                 \
            "\tstdu 1, -64(1)\n"                                     \
            "\t.cfi_def_cfa_offset 64\n"                             \
            "\taddi 9, 1, 64\n"                                      \
            "\tli 10, 0\n"                                           \
            "\tstd 0, 32(1)\n"                                       \
            "\tstd 9, 40(1)\n"                                       \
            "\tstd 31, 48(1)\n"                                      \
            "\tstd 10, 56(1)\n"                                      \
            "\taddi 3, 1, 32\n"                                      \
            "\tbl fini__entered_" #name "\n"                         \
            "\tnop\n"                                                \
            "\taddi 1, 1, 64\n"                                      \
            "\t.cfi_def_cfa_offset 0\n"                              \
            "\tld 0, 16(1)\n"                                        \
            "\tmtlr 0\n"                                             \
            "\t.cfi_restore 65\n"                                    \
            "\tblr\n"                                                \
            FINI__ENTRY_END(name))
#elif defined(__s390x__)
#define FINI__ENTRY(name)                             \
    __asm__(FINI__ENTRY_BEGIN(name)                   \
            "\tstmg %r11, %r15, 88(%r15)\n"           \
            "\t.cfi_offset 11, -72\n"                 \
            "\t.cfi_offset 14, -48\n"                 \
            "\t.cfi_offset 15, -40\n"                 \
            "\tlgr %r1, %r15\n"                       \
            "\taghi %r15, -192\n"                     \
            "\t.cfi_def_cfa_offset 352\n"             \
            "\tstg %r14, 160(%r15)\n"                 \
            "\tstg %r1, 168(%r15)\n"                  \
            "\tstg %r11, 176(%r15)\n"                 \
            "\txc 184(8, %r15), 184(%r15)\n"          \
            "\tla %r2, 160(%r15)\n"                   \
            "\tbrasl %r14, fini__entered_" #name "\n" \
            "\tlmg %r11, %r15, 280(%r15)\n"           \
            "\t.cfi_restore 11\n"                     \
            "\t.cfi_restore 14\n"                     \
            "\t.cfi_restore 15\n"                     \
            "\t.cfi_def_cfa_offset 160\n"             \
            "\tbr %r14\n"                             \
            FINI__ENTRY_END(name))
#endif

/* As by FINI_CONSTRUCTOR and FINI_DESTRUCTOR. */
#define FINI__ENTRIES(at_load, at_end)                                            \
    FINI__ENTRY(loaded);                                                           \
    FINI__ENTRY(finalize);                                                         \
    extern FINI_API void fini__enter_loaded(void);                                 \
    extern FINI_API void fini__enter_finalize(void);                               \
    extern FINI_API void fini__entered_loaded(const void *frame);                  \
    extern FINI_API void fini__entered_finalize(const void *frame);                \
    __attribute__((used)) void fini__entered_loaded(const void *frame)             \
    {                                                                              \
        at_load(frame);                                                            \
    }                                                                              \
    __attribute__((used)) void fini__entered_finalize(const void *frame)           \
    {                                                                              \
        at_end(frame);                                                             \
    }                                                                              \
    __attribute__((used, section(".init_array.00101"))) static void (*loads)(void) = \
        fini__enter_loaded;                                                        \
    __attribute__((used, section(".fini_array"))) static void (*finalizes)(void) = \
        fini__enter_finalize

#endif
#endif
