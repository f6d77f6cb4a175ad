/* SPDX-License-Identifier: MIT
 *
 * Walks up the stack, from a finalizer to the call that caused it.
 *
 * Decides: that the innermost of dlclose, dlopen, dlmopen and exit is the cause; what to do where
 * a frame has no unwind tables; to remember rows, since most walks pass through the same frames.
 * Leaves to others: objects and names (objects.c), the tables' format (unwind.c), what the image
 * knows besides (glibc.c).
 *
 * Between a finalizer and its cause stand frames of ld.so and libc alone, whose tables are always
 * there. Facts cited here were read in glibc 2.36 and hold for 2.17 to 2.42 unless they say
 * otherwise.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <errno.h>
#include <linux/futex.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../platform.h"
#include "objects.h"
#include "stack.h"

static const struct fini__unwind_registers x86_64 = {
    .frame_pointer = 6, .stack_pointer = 7, .return_address = 16};

/* ---- one frame ------------------------------------------------------------------------------- */

/* What a walk needs to know of the function that a return address leads back to. */
union frame {
    struct {
        signed saved_offset : 16;  /* of the caller's frame pointer, from the CFA */
        signed return_offset : 16; /* of the return address, from the CFA */
        signed cfa_offset : 21;
        unsigned landmark : 3;     /* enum fini__landmark */
        unsigned in_loader : 1;    /* a function of ld.so */
        unsigned trusted : 1;      /* of ld.so or libc: its tables are right, and it has not */
                                   /* switched to another stack */
        unsigned outermost : 1;    /* it has no caller */
        unsigned by_frame_pointer : 1; /* the CFA is relative to it, else to the stack pointer */
        unsigned saves : 1;            /* the frame pointer has been saved ... */
        unsigned loses : 1;            /* ... or changed in a way that is not understood */
    };
    uint64_t word;
};

static struct fini__stack_memory *memory;

void fini__stack_remember_in(struct fini__stack_memory *m)
{
    memory = m;
}

/* So that the halves of two rows do not look like one of an address near by: the words of most
 * rows differ in few bits. */
static uint64_t mixed(uint64_t word)
{
    return word * UINT64_C(0x9e3779b97f4a7c15);
}

/* A row has four places, so that no two frames of one walk drive each other out. */
enum { PLACES = 4 };

static unsigned place_of_row(uintptr_t pc, unsigned n)
{
    unsigned row = (unsigned)(pc * UINT64_C(0x9e3779b97f4a7c15) >> 57);
    return (row * PLACES + n) % FINI__STACK_ROWS;
}

static uint64_t word_of(unsigned place, uint64_t *ret_check)
{
    *ret_check = atomic_load_explicit(&memory->row[place].check, memory_order_relaxed);
    return atomic_load_explicit(&memory->row[place].word, memory_order_relaxed);
}

static bool recall_frame(uintptr_t pc, union frame *ret)
{
    uint64_t check;
    for (unsigned n = 0; memory && n < PLACES; n++) {
        ret->word = word_of(place_of_row(pc, n), &check);
        if ((check ^ mixed(ret->word)) == pc)
            return true;
    }
    return false;
}

/* In the first place that is free; where none is, over the first. */
static void remember_frame(uintptr_t pc, union frame frame)
{
    uint64_t check = 1;
    unsigned place = place_of_row(pc, 0);
    for (unsigned n = 0; check != 0 && n < PLACES; n++)
        if (word_of(place_of_row(pc, n), &check) == 0 && check == 0)
            place = place_of_row(pc, n);
    atomic_store_explicit(&memory->row[place].word, frame.word, memory_order_relaxed);
    atomic_store_explicit(&memory->row[place].check, mixed(frame.word) ^ pc,
                          memory_order_relaxed);
}

static bool pack_frame(const struct fini__unwind_row *row, union frame *ret)
{
    ret->word = 0;
    ret->outermost = row->outermost;
    ret->by_frame_pointer = row->cfa_from_frame_pointer;
    ret->saves = row->frame_pointer.rule == FINI__UNWIND_SAVED;
    ret->loses = row->frame_pointer.rule >= FINI__UNWIND_UNKNOWN;
    ret->cfa_offset = row->cfa_offset;
    ret->saved_offset = row->frame_pointer.offset;
    ret->return_offset = row->return_address.offset;
    return row->outermost || (row->return_address.rule == FINI__UNWIND_SAVED &&
                              ret->cfa_offset == row->cfa_offset &&
                              ret->return_offset == row->return_address.offset &&
                              (!ret->saves || ret->saved_offset == row->frame_pointer.offset));
}

/* From the tables. A return address belongs to the call before it, which may be the last
 * instruction of its function. */
static bool read_frame(uintptr_t pc, union frame *ret, uintptr_t *ret_function)
{
    struct fini__object object;
    struct fini__unwind_row row;
    if (!fini__object_at(pc - 1, &object) ||
        !fini__unwind_find(&object.table, &x86_64, pc - 1, &row) || !pack_frame(&row, ret))
        return false;
    ret->in_loader = fini__is_loader(object.map);
    ret->trusted = fini__is_libc(object.map);
    ret->landmark = fini__landmark_at(object.map, row.function) & 7;
    *ret_function = row.function;
    if (memory && fini__is_immortal(object.map))
        remember_frame(pc, *ret);
    return true;
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Deep enough for what stands between a finalizer and its cause; a bound for what is beyond. */
enum { FRAMES_MOST = 256 };

struct walk {
    uintptr_t pc, sp, fp;
    bool fp_known;
    union frame frame; /* of pc */
};

enum found { FOUND, OUTERMOST, LOST };

/* Not for sanitizers: it looks at frames that are not ours. */
__attribute__((no_sanitize("address"))) static uintptr_t word_at(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

uintptr_t fini__stack_caller(const void *frame)
{
    return word_at((uintptr_t)frame + sizeof(uintptr_t));
}

/* The return address and the saved frame pointer have the same place in every function that keeps
 * a frame, so that the image itself needs no unwind tables. */
static struct walk walk_from(const void *frame)
{
    uintptr_t at = (uintptr_t)frame;
    return (struct walk){.fp = word_at(at),
                         .pc = fini__stack_caller(frame),
                         .sp = at + 2 * sizeof(uintptr_t),
                         .fp_known = true};
}

static enum found walk_look(struct walk *w)
{
    uintptr_t function;
    if (w->pc == 0)
        return OUTERMOST;
    if (!recall_frame(w->pc, &w->frame) && !read_frame(w->pc, &w->frame, &function))
        return LOST;
    return w->frame.outermost ? OUTERMOST : FOUND;
}

/* The kernel reads the word before it compares it, and does not wait: EFAULT says unreadable. Of
 * the calls that read for the caller it is the one that no filter refuses. */
static bool readable(uintptr_t address)
{
    static const struct timespec none;
    return syscall(SYS_futex, address & ~(uintptr_t)3, FUTEX_WAIT_PRIVATE, 0, &none) == 0 ||
           errno == EAGAIN || errno == ETIMEDOUT;
}

/* A function that has put another stack in place of its own, by hand, has tables that lead beyond
 * the end of the new one. Above libc's own calls no page is asked for. */
static bool can_read(const struct walk *w, uintptr_t address)
{
    return w->frame.trusted || (address ^ (w->sp - 1)) < 4096 || readable(address);
}

static bool walk_up(struct walk *w)
{
    union frame frame = w->frame;
    uintptr_t base = frame.by_frame_pointer ? w->fp : w->sp;
    uintptr_t cfa = base + (uintptr_t)(intptr_t)frame.cfa_offset;
    uintptr_t pc_at = cfa + (uintptr_t)(intptr_t)frame.return_offset;
    uintptr_t fp_at = frame.saves ? cfa + (uintptr_t)(intptr_t)frame.saved_offset : pc_at;
    if ((frame.by_frame_pointer && !w->fp_known) || cfa <= w->sp || cfa % sizeof cfa != 0 ||
        !can_read(w, pc_at) || !can_read(w, fp_at))
        return false;
    w->pc = word_at(pc_at);
    if (frame.saves)
        w->fp = word_at(fp_at);
    w->fp_known = frame.saves || (w->fp_known && !frame.loses);
    w->sp = cfa;
    return true;
}

/* Where a signal handler returns to: mov $15, %rax; syscall (rt_sigreturn). Debuggers know it by
 * these bytes as well. */
static bool is_signal_return(uintptr_t pc)
{
    static const unsigned char code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    struct fini__object object;
    if (!fini__object_at(pc - 1, &object))
        return false;
    for (size_t n = 0; n < sizeof code; n++)
        if (((const unsigned char *)pc)[n] != code[n])
            return false;
    return true;
}

/* There the kernel has left what it interrupted. */
static struct walk walk_interrupted(const struct walk *handler_returned)
{
    const ucontext_t *context = (const ucontext_t *)handler_returned->sp;
    const greg_t *registers = context->uc_mcontext.gregs;
    return (struct walk){.pc = (uintptr_t)registers[REG_RIP] + 1, /* not behind a call */
                         .sp = (uintptr_t)registers[REG_RSP],
                         .fp = (uintptr_t)registers[REG_RBP],
                         .fp_known = true};
}

/* ---- what a walk has met --------------------------------------------------------------------- */

struct trail {
    bool unload;    /* dlclose, dlopen or dlmopen ... */
    uintptr_t at;   /* ... here */
    bool caught;    /* the frame around all loads and unloads */
    bool exit;      /* exit(): the walk ends here */
    uintptr_t last; /* in the last frame, ... */
    bool in_loader; /* ... and it is a function of ld.so */
    uintptr_t loader_pc; /* in its first frame, from the inside */
    unsigned outside_loader;
};

/* exit() calls __run_exit_handlers calls _dl_fini: close by means that it is the cause, even if a
 * future _dl_fini should use _dl_catch_exception too. */
enum { EXIT_IS_CLOSE = 3 };

static void note_frame(struct trail *trail, const struct walk *w)
{
    enum fini__landmark landmark = (enum fini__landmark)w->frame.landmark;
    trail->last = w->pc;
    trail->in_loader = w->frame.in_loader;
    if (trail->in_loader && trail->loader_pc == 0)
        trail->loader_pc = w->pc;
    trail->outside_loader += !trail->in_loader;
    if (landmark == FINI__UNLOADS && !trail->unload) {
        trail->unload = true;
        trail->at = w->pc;
    }
    trail->caught |= landmark == FINI__CATCHES;
    trail->exit = landmark == FINI__EXITS;
}

/* For a scan upwards: asks once a page. */
static bool still_readable(uintptr_t at, bool first)
{
    return (!first && at % 4096 != 0) || readable(at);
}

/* How far to look for a function beyond a frame without unwind tables, in words of stack. Only
 * there: it reads what nobody has written, which valgrind reports, and asks the kernel. */
enum { FURTHER_MOST = 8192 };

/* For functions that never return: a return address into one is live wherever on the stack it
 * stands; its call may be its last instruction. We are told the function's size and not its end:
 * that is such an address, and would be found where an earlier walk has left it (seen). */
static bool is_further_out(uintptr_t begin, uintptr_t size, uintptr_t at)
{
    uintptr_t end = fini__platform_thread(); /* at the end of a thread's stack, for glibc */
    if (end < at || end - at > FURTHER_MOST * sizeof at)
        end = at + FURTHER_MOST * sizeof at;
    for (unsigned n = 0; begin != 0 && at < end; n++, at += sizeof at) {
        if (!still_readable(at, n == 0))
            return false;
        if (word_at(at) - begin - 1 < size)
            return true;
    }
    return false;
}

/* Lost above an unload, in a host without unwind tables. */
static bool exit_is_further_out(uintptr_t unload, uintptr_t at)
{
    struct fini__object object;
    uintptr_t size = 0, begin = 0;
    if (fini__object_at(unload - 1, &object))
        begin = fini__function_in(object.map, "exit", &size);
    return is_further_out(begin, size, at);
}

static enum found follow(struct walk *w, struct trail *trail)
{
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(w);
        if (found == LOST && trail->unload && is_signal_return(w->pc)) {
            *w = walk_interrupted(w); /* exit() may be further out */
            continue;
        }
        if (found != LOST && w->pc != 0)
            note_frame(trail, w);
        if (trail->exit)
            return FOUND;
        if (found != FOUND || !walk_up(w))
            return found == OUTERMOST ? OUTERMOST : LOST;
    }
    return LOST;
}

/* The program's entry point, _start, has called __libc_start_main, which begins by registering the
 * loader's finalizer: on the main thread's stack, three words below what the kernel left there.
 * ld.so, before, has other things there. */
static bool program_has_started(void)
{
    uintptr_t size, entry = getauxval(AT_ENTRY);
    const uintptr_t *end = (const uintptr_t *)fini__main_symbol("__libc_stack_end", &size);
    return end && word_at(((*end + 8) & ~(uintptr_t)15) - 24) - entry - 1 < 64;
}

/* A start-up constructor runs before libc registers the loader's finalizer. The outermost frame
 * tells: before main it is ld.so's, after it the program's. Of other threads it tells nothing.
 * Where the walk is lost earlier, the program's own code, and code that is in no image, run after
 * main has begun or just before it, when libc has registered. */
static bool main_has_begun(enum found end, const struct trail *trail, const struct walk *w)
{
    struct fini__object object;
    uintptr_t pc = end == OUTERMOST ? trail->last : w->pc;
    bool in_object = fini__object_at(pc - 1, &object);
    if (end == FOUND || fini__is_program(object.map))
        return true;
    if (end == OUTERMOST)
        return !trail->in_loader && program_has_started();
    return !in_object || program_has_started();
}

/* The loader calls constructors of start-up images from its own entry, which has no unwind table in
 * glibc 2.36; all others, from within dlopen or what libc has in its place. */
static bool is_startup(enum found end, const struct trail *trail, uintptr_t pc)
{
    struct fini__object object;
    bool from_entry = end == LOST && fini__object_at(pc - 1, &object) &&
                      fini__is_loader(object.map);
    return trail->in_loader && !trail->unload && !trail->caught &&
           (end == OUTERMOST || from_entry);
}

static struct fini__stack_view view_from(struct walk w)
{
    struct trail trail = {.unload = false};
    enum found end = follow(&w, &trail);
    if (end == LOST && trail.unload)
        trail.exit = exit_is_further_out(trail.at, w.sp);
    if (trail.caught && !trail.unload)
        trail.unload = trail.exit ? trail.outside_loader > EXIT_IS_CLOSE : end == OUTERMOST;
    return (struct fini__stack_view){.finalizer = true,
                                     .by_unload = trail.unload,
                                     .by_exit = trail.exit && !trail.unload,
                                     .exit = trail.exit,
                                     .startup = is_startup(end, &trail, w.pc),
                                     .outermost = end == OUTERMOST ? trail.last : 0,
                                     .loader_pc = trail.loader_pc,
                                     .main_has_begun = main_has_begun(end, &trail, &w)};
}

struct fini__stack_view fini__stack_view_from(const void *frame)
{
    return view_from(walk_from(frame));
}

static bool is_in_loader(uintptr_t pc)
{
    struct fini__object object;
    return fini__object_at(pc - 1, &object) && fini__is_loader(object.map);
}

/* ---- from anywhere --------------------------------------------------------------------------- */

/* The words of stack that are looked through for a return address into the loader. Few, because
 * what an earlier dlclose has left on the stack looks the same. */
enum { SCAN_MOST = 128 };

/* A call through a register ends before pc: FF /2 with 2 to 7 bytes, but not relative to the
 * program counter (15), which is how ld.so calls malloc. It calls finalizers that way, and little
 * else, so that what earlier calls have left on the stack is passed over. */
static bool called_through_register(uintptr_t pc)
{
    for (unsigned length = 2; length <= 7; length++) {
        const unsigned char *code = (const unsigned char *)(pc - length);
        if (code[0] == 0xff && ((code[1] >> 3) & 7) == 2 && code[1] != 0x15)
            return true;
    }
    return false;
}

static bool view_from_loader(uintptr_t at, uintptr_t fp, bool fp_known,
                             struct fini__stack_view *ret)
{
    *ret = view_from((struct walk){
        .pc = word_at(at), .sp = at + sizeof(uintptr_t), .fp = fp, .fp_known = fp_known});
    return ret->by_exit || ret->by_unload;
}

/* From the loader's return address at `at`. From glibc 2.34 on, what calls finalizers goes by the
 * stack pointer and has saved the frame pointer itself. Before, it goes by the frame pointer:
 * still in the register, or saved by one of the image's functions in one of the words below. */
static bool view_loader_at(uintptr_t at, const struct walk *w, struct fini__stack_view *ret)
{
    if (view_from_loader(at, 0, false, ret))
        return true;
    for (uintptr_t saved = at; saved >= w->sp; saved -= sizeof(uintptr_t)) {
        uintptr_t candidate = saved == at ? w->fp : word_at(saved);
        bool plausible = candidate > at && candidate - at < 0x10000 && candidate % sizeof at == 0;
        if (plausible && readable(candidate) && view_from_loader(at, candidate, true, ret))
            return true;
    }
    return false;
}

/* In an image without unwind tables. */
static struct fini__stack_view scan(const struct walk *w, uintptr_t constructors)
{
    struct fini__stack_view view;
    for (uintptr_t at = w->sp, n = 0; n < SCAN_MOST; at += sizeof(uintptr_t), n++) {
        if (!still_readable(at, n == 0))
            break;
        uintptr_t pc = word_at(at);
        if (pc != constructors && is_in_loader(pc) && called_through_register(pc) &&
            view_loader_at(at, w, &view))
            return view;
    }
    return (struct fini__stack_view){.finalizer = false};
}

/* Link-time optimization of gcc puts all destructors into one function, which ends with a jump to
 * the last of them: that one is called by the loader, but not named in .fini_array. */
static bool is_finalizer_frame(const struct link_map *own, uintptr_t function, uintptr_t caller,
                               uintptr_t constructors)
{
    return is_in_loader(caller) &&
           (fini__is_finalizer(own, function) || (constructors != 0 && caller != constructors &&
                                                  called_through_register(caller)));
}

/* FOUND: the walk stands at the call of the finalizer. LOST: at a function of the image that has no
 * unwind table. */
static enum found find_finalizer(struct walk *w, uintptr_t constructors)
{
    struct fini__object own;
    bool found = fini__own_object(&own);
    for (unsigned n = 0; found && n < FRAMES_MOST; n++) {
        uintptr_t function = 0;
        if (!fini__object_has(&own, w->pc - 1))
            found = walk_look(w) == FOUND;
        else if (!read_frame(w->pc, &w->frame, &function))
            return LOST;
        found = found && !w->frame.outermost && walk_up(w);
        if (found && function != 0 && is_finalizer_frame(own.map, function, w->pc, constructors))
            return FOUND;
    }
    return OUTERMOST;
}

struct fini__stack_view fini__stack_view_around(const void *frame, uintptr_t constructors)
{
    struct walk w = walk_from(frame);
    enum found found = find_finalizer(&w, constructors);
    if (found == LOST)
        return scan(&w, constructors);
    return found == FOUND ? view_from(w) : (struct fini__stack_view){.finalizer = false};
}

bool fini__stack_has_finalizer(const void *frame, uintptr_t constructors)
{
    struct walk w = walk_from(frame);
    return find_finalizer(&w, constructors) == FOUND;
}

/* ---- through a signal handler ---------------------------------------------------------------- */

static bool allocates(const struct walk *w)
{
    struct fini__object object;
    return w->frame.landmark == FINI__ALLOCATES ||
           (fini__object_at(w->pc - 1, &object) && fini__is_allocator(object.map));
}

bool fini__stack_interrupts_malloc(const void *frame)
{
    struct walk w = walk_from(frame);
    bool interrupted = false;
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(&w);
        if (found == FOUND && interrupted && allocates(&w))
            return true;
        if (found == FOUND && walk_up(&w))
            continue;
        if (!is_signal_return(w.pc))
            return false;
        w = walk_interrupted(&w);
        interrupted = true;
    }
    return false;
}

#else
typedef int fini__stack_is_not_for_this_platform;
#endif
