/* SPDX-License-Identifier: MIT
 *
 * What of the walk up the stack depends on the processor: the one table to extend for another.
 *
 * Decides: for each processor that glibc runs on, which registers count, how a function's frame can
 * be begun with, how a call looks, what a signal leaves on the stack.
 * Leaves to others: walking (stack.c), the tables' format (unwind.c), the functions that the loader
 * calls (entry.c).
 *
 * Sources: the processors' ABI supplements, "DWARF register numbers", "stack frame"; the kernel's
 * arch/.../kernel/signal.c for signal frames; sysdeps/.../start.S of glibc for entry points.
 *
 *   FINI__FRAMES_KNOWN      the return address and the saved frame pointer have the same place in
 *                           every function that keeps a frame: a frame's address is enough
 *   FINI__FRAMES_CAPTURED   they have not: FINI_FRAME() notes registers, and the function's own
 *                           unwind table leads to its caller
 *   neither                 there is no walk: finalizers are told apart by the exit mark
 *   FINI__STACK_BELOW_CFA   how far the caller's stack pointer is below the CFA
 *   FINI__LINK_REGISTER     a call leaves the return address in a register
 *   FINI__LIBC_LACKS_TABLES glibc may have been compiled without unwind tables
 *   FINI__SIGNAL_RETURNS    and then, how the code begins that signal handlers return to
 *
 * FINI_PROCESSOR_UNKNOWN can be asked for on the command line, to see what that gets.
 */
#ifndef FINI_PROCESSOR_H
#define FINI_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

#ifndef FINI_FRAME /* a compiler that cannot say has one of its own: compiler.h */

/* ---- which one ------------------------------------------------------------------------------- */

/* How its ucontext_t says where a signal has come, and the code that a handler returns to. */
#if defined(FINI_PROCESSOR_UNKNOWN)
#define FINI__LIBC_LACKS_TABLES 1
#if defined(__x86_64__) /* for tests, which ask for an image to be kept */
#define FINI__SIGNAL_RETURNS {0x48, 0xc7, 0xc0, 0x0f}
#endif
#elif defined(__x86_64__)
#define FINI__FRAMES_KNOWN 1
#define FINI__COLUMNS {.frame_pointer = 6, .stack_pointer = 7, .return_address = 16}
/* mov $15, %rax; syscall */
#define FINI__SIGNAL_RETURN {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05}
#define FINI__SIGNALS_RETURN_TO_LIBC 1
#define FINI__CONTEXT_AT(sp) (sp)
#define FINI__CONTEXT_PC(m) ((m).gregs[REG_RIP])
#define FINI__CONTEXT_SP(m) ((m).gregs[REG_RSP])
#define FINI__CONTEXT_FP(m) ((m).gregs[REG_RBP])
/* _start: aligns the stack, pushes two words and calls. */
#define FINI__START_AT(end) ((((end) + 8) & ~(uintptr_t)15) - 24)
#elif defined(__i386__)
#define FINI__FRAMES_KNOWN 1
#define FINI__COLUMNS {.frame_pointer = 5, .stack_pointer = 4, .return_address = 8}
/* mov $173, %eax; int $0x80. After it a number, and pointers to siginfo and ucontext. */
#define FINI__SIGNAL_RETURN {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80}
#define FINI__CONTEXT_AT(sp) (((const uintptr_t *)(sp))[2])
/* pop %eax; mov $119, %eax; int $0x80: for handlers without SA_SIGINFO. A number, and registers. */
#define FINI__OLD_SIGNAL_RETURN {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80}
#define FINI__OLD_CONTEXT_AT(sp) ((sp) + 4)
#define FINI__CONTEXT_PC(m) ((m).gregs[REG_EIP])
#define FINI__CONTEXT_SP(m) ((m).gregs[REG_ESP])
#define FINI__CONTEXT_FP(m) ((m).gregs[REG_EBP])
/* Pops one word, aligns the stack, pushes eight and calls. */
#define FINI__START_AT(end) ((((end) + 4) & ~(uintptr_t)15) - 36)
#elif defined(__aarch64__) && defined(__LP64__) && defined(__ELF__)
#define FINI__FRAMES_CAPTURED 1
#define FINI__COLUMNS {.frame_pointer = 29, .stack_pointer = 31, .return_address = 30}
#define FINI__LINK_REGISTER 1
/* mov x8, #139; svc #0. The frame begins with siginfo. */
#define FINI__SIGNAL_RETURN {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4}
#define FINI__CONTEXT_AT(sp) ((sp) + 128)
#define FINI__CONTEXT_PC(m) ((m).pc)
#define FINI__CONTEXT_SP(m) ((m).sp)
#define FINI__CONTEXT_FP(m) ((m).regs[29])
#define FINI__CONTEXT_LINK(m) ((m).regs[30])
#elif defined(__riscv) && __riscv_xlen == 64
#define FINI__FRAMES_CAPTURED 1
#define FINI__COLUMNS {.frame_pointer = 8, .stack_pointer = 2, .return_address = 1}
#define FINI__LINK_REGISTER 1
/* Seen in Debian 12: gcc emits tables unasked from version 13 on. */
#define FINI__LIBC_LACKS_TABLES 1
/* li a7, 139; ecall */
#define FINI__SIGNAL_RETURNS {0x93, 0x08, 0xb0, 0x08}
#define FINI__SIGNAL_RETURN {0x93, 0x08, 0xb0, 0x08, 0x73, 0, 0, 0}
#define FINI__CONTEXT_AT(sp) ((sp) + 128)
#define FINI__CONTEXT_PC(m) ((m).__gregs[0])
#define FINI__CONTEXT_SP(m) ((m).__gregs[2])
#define FINI__CONTEXT_FP(m) ((m).__gregs[8])
#define FINI__CONTEXT_LINK(m) ((m).__gregs[1])
#elif defined(__powerpc64__) && _CALL_ELF == 2
#define FINI__FRAMES_CAPTURED 1
#define FINI__COLUMNS {.frame_pointer = 31, .stack_pointer = 1, .return_address = 65}
#define FINI__LINK_REGISTER 1
/* addi r1, r1, 128; li r0, 172; sc */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FINI__SIGNAL_RETURN {0x80, 0, 0x21, 0x38, 0xac, 0, 0, 0x38, 0x02, 0, 0, 0x44}
#else
#define FINI__SIGNAL_RETURN {0x38, 0x21, 0, 0x80, 0x38, 0, 0, 0xac, 0x44, 0, 0, 0x02}
#endif
#define FINI__CONTEXT_AT(sp) ((sp) + 128)
/* As qemu-user imitates it (seen in 7.2): without the first instruction. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FINI__OLD_SIGNAL_RETURN {0xac, 0, 0, 0x38, 0x02, 0, 0, 0x44}
#else
#define FINI__OLD_SIGNAL_RETURN {0x38, 0, 0, 0xac, 0x44, 0, 0, 0x02}
#endif
#define FINI__OLD_CONTEXT_AT(sp) ((uintptr_t)&((const ucontext_t *)((sp) + 128))->uc_mcontext)
#define FINI__CONTEXT_PC(m) ((m).gp_regs[32])
#define FINI__CONTEXT_SP(m) ((m).gp_regs[1])
#define FINI__CONTEXT_FP(m) ((m).gp_regs[31])
#define FINI__CONTEXT_LINK(m) ((m).gp_regs[36])
/* _start jumps to __libc_start_main, with 0 as return address: no trace of it. */
#define FINI__START_LEAVES_NO_TRACE 1
#elif defined(__s390x__)
#define FINI__FRAMES_CAPTURED 1
#define FINI__COLUMNS {.frame_pointer = 11, .stack_pointer = 15, .return_address = 14}
#define FINI__LINK_REGISTER 1
#define FINI__STACK_BELOW_CFA 160
#define FINI__START_SIZE 64
/* svc 173. Above the handler's own 160 bytes that instruction, siginfo, ucontext. */
#define FINI__SIGNAL_RETURN {0x0a, 0xad}
#define FINI__CONTEXT_AT(sp) ((sp) + 160 + 8 + 128)
/* svc 119: for handlers without SA_SIGINFO. A mask, and where the registers are. */
#define FINI__OLD_SIGNAL_RETURN {0x0a, 0x77}
#define FINI__OLD_CONTEXT_AT(sp) (((const uintptr_t *)(sp))[21])
#define FINI__CONTEXT_PC(m) ((m).psw.addr)
#define FINI__CONTEXT_SP(m) ((m).gregs[15])
#define FINI__CONTEXT_FP(m) ((m).gregs[11])
#define FINI__CONTEXT_LINK(m) ((m).gregs[14])
#else
/* 32-bit ARM too: its tables are others (EHABI), and say "cannot unwind" of exit and dlclose in
 * Debian 12. */
#define FINI__LIBC_LACKS_TABLES 1
#if defined(__arm__)
/* mov r7, #173 or #119; svc 0; and the same in Thumb code, which libc has (seen) or the kernel. */
#define FINI__SIGNAL_RETURNS                                                      \
    {0xad, 0x70, 0xa0, 0xe3}, {0x77, 0x70, 0xa0, 0xe3}, {0xad, 0x27, 0x00, 0xdf}, \
        {0x77, 0x27, 0x00, 0xdf}, {0x4f, 0xf0, 0xad, 0x07}, {0x4f, 0xf0, 0x77, 0x07}
#endif
#endif

#if defined(FINI__FRAMES_KNOWN) /* calls push them */
#define FINI__RETURNS_BELOW_STACK 1
#else
#define FINI__RETURNS_BELOW_STACK 0
#endif
#ifdef FINI__COLUMNS
#define FINI__WALKS 1
#else
#define FINI__WALKS 0
#define FINI__COLUMNS {.frame_pointer = ~0u}
#endif
#ifndef FINI__STACK_BELOW_CFA
#define FINI__STACK_BELOW_CFA 0
#endif
#ifndef FINI__LINK_REGISTER
#define FINI__LINK_REGISTER 0
#endif
#ifndef FINI__LIBC_LACKS_TABLES
#define FINI__LIBC_LACKS_TABLES 0
#endif
#ifndef FINI__SIGNALS_RETURN_TO_LIBC
#define FINI__SIGNALS_RETURN_TO_LIBC 0
#endif
#ifndef FINI__START_SIZE
#define FINI__START_SIZE 48 /* bytes of _start, up to its call */
#endif
#ifndef FINI__START_LEAVES_NO_TRACE
#define FINI__START_LEAVES_NO_TRACE 0
#endif

/* ---- threads --------------------------------------------------------------------------------- */

/* What __builtin_thread_pointer says, which not every compiler knows. */
FINI_UNUSED static inline uintptr_t fini__thread_pointer(void)
{
    uintptr_t self;
#if defined(__x86_64__)
    __asm__("mov %%fs:0, %0" : "=r"(self));
#elif defined(__i386__)
    __asm__("movl %%gs:0, %0" : "=r"(self));
#elif defined(__powerpc64__)
    __asm__("mr %0, 13" : "=r"(self));
#elif defined(__powerpc__)
    __asm__("mr %0, 2" : "=r"(self));
#else
    self = (uintptr_t)__builtin_thread_pointer();
#endif
    return self;
}

/* ---- addresses and code ---------------------------------------------------------------------- */

/* Without a signature of the kind that processors with pointer authentication put into it. */
FINI_UNUSED static inline uintptr_t fini__unsigned_pc(uintptr_t pc)
{
#if defined(__aarch64__)
    register uintptr_t link __asm__("x30") = pc;
    __asm__("hint 7" : "+r"(link)); /* xpaclri; nothing, where there is no such thing */
    return link;
#else
    return pc;
#endif
}

/* Whether the call before `pc` went through a register. That is how ld.so calls finalizers, and
 * little else, so that what earlier calls have left on the stack is passed over. */
#if defined(__x86_64__) || defined(__i386__)
FINI_UNUSED static inline bool fini__called_through_register(uintptr_t pc)
{
#if defined(__x86_64__)
    const unsigned char malloc_by = 0x15; /* relative to the program counter */
#else
    const unsigned char malloc_by = 0x93; /* relative to ebx, at a distance */
#endif
    for (unsigned length = 2; length <= 7; length++) { /* FF /2 */
        const unsigned char *code = (const unsigned char *)(pc - length);
        if (code[0] == 0xff && ((code[1] >> 3) & 7) == 2 && code[1] != malloc_by)
            return true;
    }
    return false;
}
#elif defined(__aarch64__)
FINI_UNUSED static inline bool fini__called_through_register(uintptr_t pc)
{
    return (((const uint32_t *)pc)[-1] & 0xfefff800) == 0xd63f0000; /* blr, blraa, ... */
}
#elif defined(__riscv)
/* c.jalr, or jalr ra, but not behind auipc ra, which is how functions are called by name. */
FINI_UNUSED static inline bool fini__called_through_register(uintptr_t pc)
{
    const uint16_t *code = (const uint16_t *)pc;
    bool is_short = (code[-1] & 0xf07f) == 0x9002 && (code[-1] & 0x0f80) != 0;
    unsigned through = code[-2] >> 15 | (code[-1] & 15u) << 1;
    return is_short || ((code[-2] & 0x7fff) == 0x00e7 && through != 1);
}
#elif defined(__powerpc64__)
FINI_UNUSED static inline bool fini__called_through_register(uintptr_t pc)
{
    return ((const uint32_t *)pc)[-1] == 0x4e800421; /* bctrl */
}
#elif defined(__s390x__)
FINI_UNUSED static inline bool fini__called_through_register(uintptr_t pc)
{
    return (((const uint16_t *)pc)[-1] & 0xfff0) == 0x0de0; /* basr %r14 */
}
#else
FINI_UNUSED static inline bool fini__called_through_register(uintptr_t pc)
{
    (void)pc;
    return false;
}
#endif

/* ---- where a function is --------------------------------------------------------------------- */

#ifdef FINI__FRAMES_KNOWN

/* Of the function that asks: its frame's address. */
#define FINI_FRAME() ((const void *)__builtin_frame_address(0))

#else

/* What FINI_FRAME() leads to. `inside`: the registers of the function itself, of which the caller's
 * are to be found; else they are the caller's, as entry.c has seen them. */
struct fini__frame {
    uintptr_t pc, sp, fp, inside;
};

#if defined(__aarch64__) && defined(FINI__FRAMES_CAPTURED)
/* It does not change x30, but clang moves what does not into a function of its own, with -Oz. */
#define FINI__CAPTURE(pc, sp, fp)                                    \
    __asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29"       \
                     : "=&r"(pc), "=&r"(sp), "=r"(fp)                \
                     :                                               \
                     : "x30")
#elif defined(__riscv) && defined(FINI__FRAMES_CAPTURED)
#define FINI__CAPTURE(pc, sp, fp) \
    __asm__ volatile("auipc %0, 0\n\tmv %1, sp\n\tmv %2, s0" : "=&r"(pc), "=&r"(sp), "=r"(fp))
#elif defined(__powerpc64__) && defined(FINI__FRAMES_CAPTURED)
#define FINI__CAPTURE(pc, sp, fp)                                             \
    __asm__ volatile("bcl 20, 31, 1f\n1:\n\tmflr %0\n\tmr %1, 1\n\tmr %2, 31" \
                     : "=&r"(pc), "=&r"(sp), "=r"(fp)                         \
                     :                                                        \
                     : "lr")
#elif defined(__s390x__) && defined(FINI__FRAMES_CAPTURED)
#define FINI__CAPTURE(pc, sp, fp)                                                  \
    __asm__ volatile("larl %0, .\n\tlgr %1, %%r15\n\tlgr %2, %%r11" : "=&a"(pc), "=&r"(sp), \
                     "=r"(fp))
#else
/* Some place in this image, and how far the stack reaches. */
FINI_UNUSED static void fini__some_place(void)
{
}
#define FINI__CAPTURE(pc, sp, fp) \
    ((pc) = (uintptr_t)&fini__some_place, (sp) = (uintptr_t)__builtin_frame_address(0), (fp) = 0)
#endif

FINI_UNUSED static FINI_ALWAYS_INLINE const void *fini__capture(struct fini__frame *frame)
{
    uintptr_t pc, sp, fp;
    FINI__CAPTURE(pc, sp, fp);
    *frame = (struct fini__frame){pc + 1, sp, fp, true}; /* as if behind a call */
    return frame;
}

#define FINI_FRAME() fini__capture(&(struct fini__frame){.inside = true})

#endif
#endif
#endif
