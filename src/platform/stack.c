/* SPDX-License-Identifier: MIT
 *
 * Walks up the stack, from a finalizer to the call that caused it.
 *
 * Decides: that the innermost of dlclose, dlopen, dlmopen and exit is the cause; what to do where
 * a frame has no unwind tables; to remember rows, since most walks pass through the same frames.
 * Leaves to others: objects and names (objects.c), the tables' format (unwind.c), what depends on
 * the processor (processor.h), what the image knows besides (glibc.c).
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
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "../platform.h"
#include "objects.h"
#include "stack.h"
#include "words.h"

static const struct fini__unwind_registers columns = FINI__COLUMNS;

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

/* A return address that has not been saved: as return_offset. */
enum { IN_LINK_REGISTER = INT16_MIN };

static bool is_in_link_register(const struct fini__unwind_row *row)
{
    return FINI__LINK_REGISTER && row->return_address.rule == FINI__UNWIND_SAME;
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
    bool returns = row->return_address.rule == FINI__UNWIND_SAVED &&
                   ret->return_offset == row->return_address.offset;
    if (is_in_link_register(row))
        ret->return_offset = IN_LINK_REGISTER;
    return row->outermost || ((returns || is_in_link_register(row)) &&
                              ret->cfa_offset == row->cfa_offset &&
                              (!ret->saves || ret->saved_offset == row->frame_pointer.offset));
}

/* From the tables. A return address belongs to the call before it, which may be the last
 * instruction of its function. */
static bool read_frame(uintptr_t pc, union frame *ret, uintptr_t *ret_function)
{
    struct fini__object object;
    struct fini__unwind_row row;
    if (!fini__object_at(pc - 1, &object) ||
        !fini__unwind_find(&object.table, &columns, pc - 1, &row) || !pack_frame(&row, ret))
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
    uintptr_t link; /* the link register, where that is known; 0: it is not */
    bool fp_known;
    union frame frame; /* of pc */
};

enum found { FOUND, OUTERMOST, LOST };

static enum found walk_look(struct walk *w)
{
    uintptr_t function;
    if (!FINI__WALKS)
        return LOST;
    if (w->pc == 0)
        return OUTERMOST;
    if (!recall_frame(w->pc, &w->frame) && !read_frame(w->pc, &w->frame, &function))
        return LOST;
    return w->frame.outermost ? OUTERMOST : FOUND;
}

/* A function that has put another stack in place of its own, by hand, has tables that lead beyond
 * the end of the new one. Above libc's own calls no page is asked for. */
static bool can_read(const struct walk *w, uintptr_t address)
{
    return w->frame.trusted || (address ^ (w->sp - 1)) < 4096 || fini__readable(address);
}

/* The table of a function that keeps the return address in its register is right where a signal has
 * interrupted it; it may have no frame at all. */
static bool walk_up_link(struct walk *w, uintptr_t sp)
{
    bool known = w->link != 0 && sp >= w->sp && !w->frame.saves && !w->frame.loses;
    w->pc = w->link;
    w->link = 0;
    w->sp = sp;
    return known;
}

static bool walk_up(struct walk *w)
{
    union frame frame = w->frame;
    uintptr_t base = frame.by_frame_pointer ? w->fp : w->sp;
    uintptr_t cfa = base + (uintptr_t)(intptr_t)frame.cfa_offset;
    uintptr_t sp = cfa - FINI__STACK_BELOW_CFA;
    uintptr_t pc_at = cfa + (uintptr_t)(intptr_t)frame.return_offset;
    uintptr_t fp_at = frame.saves ? cfa + (uintptr_t)(intptr_t)frame.saved_offset : pc_at;
    if ((frame.by_frame_pointer && !w->fp_known) || cfa % sizeof cfa != 0)
        return false;
    if (FINI__LINK_REGISTER && frame.return_offset == IN_LINK_REGISTER)
        return walk_up_link(w, sp);
    if (sp <= w->sp || !can_read(w, pc_at) || !can_read(w, fp_at))
        return false;
    w->pc = fini__unsigned_pc(fini__word_at(pc_at));
    if (frame.saves)
        w->fp = fini__word_at(fp_at);
    w->fp_known = frame.saves || (w->fp_known && !frame.loses);
    if (FINI__LINK_REGISTER)
        w->link = 0;
    w->sp = sp;
    return true;
}

/* ---- where to begin -------------------------------------------------------------------------- */

#ifdef FINI__FRAMES_KNOWN

bool fini__stack_leads_out(const void *frame)
{
    return frame != NULL;
}

uintptr_t fini__stack_caller(const void *frame)
{
    return fini__word_at((uintptr_t)frame + sizeof(uintptr_t));
}

/* The return address and the saved frame pointer have the same place in every function that keeps
 * a frame, so that the image itself needs no unwind tables. */
static struct walk walk_from(const void *frame)
{
    return (struct walk){.fp = fini__word_at((uintptr_t)frame),
                         .pc = fini__stack_caller(frame),
                         .sp = (uintptr_t)frame + 2 * sizeof(uintptr_t),
                         .fp_known = true};
}

#else

bool fini__stack_leads_out(const void *frame)
{
    const struct fini__frame *f = frame;
    struct walk w = {.pc = f->pc, .sp = f->sp, .fp = f->fp, .fp_known = true};
    return walk_look(&w) == FOUND;
}

uintptr_t fini__stack_caller(const void *frame)
{
    return ((const struct fini__frame *)frame)->pc;
}

/* Where a function of the image has no table the walk stays there, and is lost. */
static struct walk walk_from(const void *frame)
{
    const struct fini__frame *f = frame;
    struct walk w = {.pc = f->pc, .sp = f->sp, .fp = f->fp, .fp_known = true}, up = w;
    return f->inside && walk_look(&up) == FOUND && walk_up(&up) ? up : w;
}

#endif

/* ---- through signal handlers ----------------------------------------------------------------- */

#ifdef FINI__SIGNAL_RETURN

static bool can_read_code(uintptr_t pc, size_t size)
{
    struct fini__object object;
    return fini__object_at(pc - 1, &object) ||
           (!FINI__SIGNALS_RETURN_TO_LIBC && fini__readable(pc) && fini__readable(pc + size - 1));
}

static bool is_code(uintptr_t pc, const unsigned char *code, size_t size)
{
    if (!can_read_code(pc, size))
        return false;
    for (size_t n = 0; n < size; n++)
        if (((const unsigned char *)pc)[n] != code[n])
            return false;
    return true;
}

/* Where a signal handler returns to: it asks the kernel to go on with what was interrupted.
 * Debuggers know it by these bytes as well. The kernel's page of code may belong to no object. */
static bool is_signal_return(uintptr_t pc)
{
    static const unsigned char code[] = FINI__SIGNAL_RETURN;
    return is_code(pc, code, sizeof code);
}

#ifdef FINI__OLD_SIGNAL_RETURN
static bool is_old_signal_return(uintptr_t pc)
{
    static const unsigned char code[] = FINI__OLD_SIGNAL_RETURN;
    return is_code(pc, code, sizeof code);
}

/* The registers stand in the same order as in ucontext_t. */
static const mcontext_t *interrupted_at(const struct walk *handler_returned)
{
    const uintptr_t sp = handler_returned->sp;
    if (is_signal_return(handler_returned->pc))
        return &((const ucontext_t *)FINI__CONTEXT_AT(sp))->uc_mcontext;
    return (const mcontext_t *)FINI__OLD_CONTEXT_AT(sp);
}
#else
static bool is_old_signal_return(uintptr_t pc)
{
    (void)pc;
    return false;
}

static const mcontext_t *interrupted_at(const struct walk *handler_returned)
{
    return &((const ucontext_t *)FINI__CONTEXT_AT(handler_returned->sp))->uc_mcontext;
}
#endif

/* There the kernel has left what it interrupted, which is not behind a call. */
static bool walk_interrupted(struct walk *w)
{
    if (!is_signal_return(w->pc) && !is_old_signal_return(w->pc))
        return false;
    const mcontext_t *registers = interrupted_at(w);
    *w = (struct walk){.pc = (uintptr_t)FINI__CONTEXT_PC(*registers) + 1,
                       .sp = (uintptr_t)FINI__CONTEXT_SP(*registers),
                       .fp = (uintptr_t)FINI__CONTEXT_FP(*registers),
#ifdef FINI__CONTEXT_LINK
                       .link = fini__unsigned_pc((uintptr_t)FINI__CONTEXT_LINK(*registers)),
#endif
                       .fp_known = true};
    return true;
}

#else

static bool walk_interrupted(struct walk *w)
{
    (void)w;
    return false;
}

#endif

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

/* Lost above an unload, in a host without unwind tables. Before 2.34 dlclose is in libdl. */
static bool exit_is_further_out(uintptr_t unload, uintptr_t at)
{
    struct fini__object object;
    struct fini__code_range exit = {0, 0};
    if (fini__object_at(unload - 1, &object))
        exit.begin = fini__function_in(object.map, "exit", &exit.size);
    if (exit.begin == 0)
        exit.begin = fini__main_function("exit", &exit.size);
    return fini__words_find(&exit, 1, at, fini__words_end(at)) != 0;
}

static enum found follow(struct walk *w, struct trail *trail)
{
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(w);
        if (found == LOST && trail->unload && walk_interrupted(w))
            continue; /* exit() may be further out */
        if (found != LOST && w->pc != 0)
            note_frame(trail, w);
        if (trail->exit)
            return FOUND;
        if (found != FOUND || !walk_up(w))
            return found == OUTERMOST ? OUTERMOST : LOST;
    }
    return LOST;
}

/* Where _start, the program's entry point, has called __libc_start_main, which begins by
 * registering the loader's finalizer: on the main thread's stack, just below what the kernel left
 * there. ld.so, before, has other things there. */
static bool start_is_on(uintptr_t end, uintptr_t entry)
{
#ifdef FINI__START_AT
    return fini__word_at(FINI__START_AT(end)) - entry - 1 < 64;
#else
    for (unsigned n = 1; n <= 128; n++)
        if (fini__word_at((end / sizeof end - n) * sizeof end) - entry - 1 < FINI__START_SIZE)
            return true;
    return false;
#endif
}

/* Where nothing is left there, the main thread itself, when it is not in ld.so. */
static bool program_has_started(const struct fini__stack_view *view)
{
    uintptr_t size;
    const uintptr_t *end = (const uintptr_t *)fini__main_symbol("__libc_stack_end", &size);
    if (FINI__START_LEAVES_NO_TRACE)
        return view->outermost != 0 && fini__platform_is_forker();
    return end && start_is_on(*end, getauxval(AT_ENTRY));
}

/* A start-up constructor runs before libc registers the loader's finalizer. The outermost frame
 * tells: before main it is ld.so's, after it the program's. Of other threads it tells nothing.
 * Where the walk is lost earlier, the program's own code, and code that is in no image, run after
 * main has begun or just before it, when libc has registered. */
bool fini__stack_main_has_begun(struct fini__stack_view view)
{
    struct fini__object object;
    bool in_object = fini__object_at(view.last - 1, &object);
    if (view.exit || fini__is_program(object.map))
        return true;
    if (view.outermost != 0)
        return !view.last_in_loader && program_has_started(&view);
    return !in_object || program_has_started(&view);
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

/* Whose return addresses tell something where there are no unwind tables. */
enum { EXIT, CATCHES, TRACES = CATCHES + 2 };

static void find_traced(struct fini__code_range *ret)
{
    static const char *const traced[] = {"exit", "_dl_catch_exception", "_dl_catch_error"};
    for (unsigned n = 0; n < TRACES; n++)
        ret[n].begin = fini__main_function(traced[n], &ret[n].size);
}

/* exit() never returns: its return address is there when it has been called by this thread, and not
 * else. All that the loader unloads, and loads after start-up, stands above a frame that catches
 * errors: what has no address of those between is not by an unload. It may be there from earlier
 * calls, so that nothing follows from it. */
static void look_for_traces(struct fini__stack_view *view, uintptr_t at)
{
    struct fini__code_range code[TRACES];
    uintptr_t end = fini__words_end(at), exit;
    find_traced(code);
    exit = fini__words_find(&code[EXIT], 1, at, end);
    bool caught = fini__words_find(&code[CATCHES], TRACES - CATCHES, at, exit ? exit : end) != 0;
    view->exit = exit != 0;
    view->by_exit = exit != 0 && !caught;
    view->startup = exit == 0 && !caught && !program_has_started(view);
}

static struct fini__stack_view view_from(struct walk w)
{
    struct trail trail = {.unload = false};
    uintptr_t begin = w.sp;
    enum found end = follow(&w, &trail);
    if (end == LOST && trail.unload)
        trail.exit = exit_is_further_out(trail.at, w.sp);
    if (trail.caught && !trail.unload)
        trail.unload = trail.exit ? trail.outside_loader > EXIT_IS_CLOSE : end == OUTERMOST;
    struct fini__stack_view view = {.finalizer = true,
                                    .by_unload = trail.unload,
                                    .by_exit = trail.exit && !trail.unload,
                                    .exit = trail.exit,
                                    .lost = end == LOST && !trail.unload && !trail.exit,
                                    .startup = is_startup(end, &trail, w.pc),
                                    .outermost = end == OUTERMOST ? trail.last : 0,
                                    .last = end == OUTERMOST ? trail.last : w.pc,
                                    .last_in_loader = trail.in_loader,
                                    .loader_pc = trail.loader_pc};
    if (FINI__LIBC_LACKS_TABLES && view.lost)
        look_for_traces(&view, begin);
    return view;
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

static bool view_from_loader(uintptr_t at, uintptr_t fp, bool fp_known,
                             struct fini__stack_view *ret)
{
    *ret = view_from((struct walk){
        .pc = fini__word_at(at), .sp = at + sizeof(uintptr_t), .fp = fp, .fp_known = fp_known});
    return ret->by_exit || ret->by_unload;
}

/* From the loader's return address at `at`, where that is the last word of a frame. From glibc 2.34
 * on, what calls finalizers goes by the stack pointer and has saved the frame pointer itself.
 * Before, it goes by the frame pointer: still in the register, or saved by one of the image's
 * functions in one of the words below. */
static bool view_loader_at(uintptr_t at, const struct walk *w, struct fini__stack_view *ret)
{
    if (view_from_loader(at, 0, false, ret))
        return true;
    for (uintptr_t saved = at; saved >= w->sp; saved -= sizeof(uintptr_t)) {
        uintptr_t candidate = saved == at ? w->fp : fini__word_at(saved);
        bool plausible = candidate > at && candidate - at < 0x10000 && candidate % sizeof at == 0;
        if (plausible && fini__readable(candidate) && view_from_loader(at, candidate, true, ret))
            return true;
    }
    return false;
}

/* In 2.41 and 2.43 it is ld.so's, and calls through a register too; in 2.31 and 2.36 libc's. */
static bool is_catcher(uintptr_t pc)
{
    struct walk w = {.pc = pc};
    return walk_look(&w) == FOUND && w.frame.landmark == FINI__CATCHES;
}

/* In an image without unwind tables. */
static struct fini__stack_view scan(const struct walk *w, uintptr_t constructors)
{
    struct fini__stack_view view;
    for (uintptr_t at = w->sp, n = 0; n < SCAN_MOST; at += sizeof(uintptr_t), n++) {
        if (!fini__still_readable(at, n == 0))
            break;
        uintptr_t pc = fini__word_at(at);
        if (pc != constructors && is_in_loader(pc) && fini__called_through_register(pc) &&
            !is_catcher(pc) && view_loader_at(at, w, &view))
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
                                                  fini__called_through_register(caller)));
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
    if (found == LOST && FINI__RETURNS_BELOW_STACK)
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
           (fini__object_at(w->pc - 1, &object) &&
            (fini__is_allocator(object.map) || fini__is_in_malloc(object.map, w->pc - 1)));
}

/* Where there are no tables: whether a signal handler may be further out. What it has interrupted
 * is not known. */
static bool may_be_in_signal_handler(uintptr_t at)
{
    const uintptr_t end = fini__words_end(at), begin = at;
    for (unsigned n = 0; at < end && fini__still_readable(at, n == 0); n++, at += sizeof at) {
        uintptr_t word = fini__word_at(at);
        bool may_be_code = word > 0xffff && (word < begin || word >= end);
        if (may_be_code && fini__returns_from_signal(word))
            return true;
    }
    return false;
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
        if (!walk_interrupted(&w))
            return FINI__LIBC_LACKS_TABLES && found == LOST && may_be_in_signal_handler(w.sp);
        interrupted = true;
    }
    return false;
}

#else
typedef int fini__stack_is_not_for_this_platform;
#endif
