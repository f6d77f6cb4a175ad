/* SPDX-License-Identifier: MIT
 *
 * glibc 2.17 and later.
 *
 * Decides: to learn the reason from the stack. Between the finalizer and the code that caused it
 * stand frames of ld.so and libc, whose unwind tables are always there; the innermost of dlclose,
 * dlopen, dlmopen and exit is the cause. No lock is taken for it from glibc 2.35 on
 * (_dl_find_object); before, dladdr1 takes the loader's own.
 * Leaves to others: what was seen means what (reason.c); the tables' format (unwind.c).
 *
 * Facts cited here were read in glibc 2.36 and hold for 2.17 to 2.42 unless they say otherwise.
 * Functions that a static program may lack are weak.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <dlfcn.h>
#include <errno.h>
#include <libintl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../platform.h"
#include "unwind.h"

#ifndef MADV_WIPEONFORK /* older headers; the kernel says whether it knows it */
#define MADV_WIPEONFORK 18
#endif

typedef void handler_fn(void *);

/* Exported by libc for compilers; no header declares them. */
extern int __cxa_atexit(handler_fn *fn, void *arg, void *owner);
extern void __cxa_finalize(void *owner);
extern int __cxa_thread_atexit_impl(handler_fn *fn, void *arg, void *image) FINI_WEAK;
/* From crtbegin.o, unless linked with -nostartfiles. */
extern void *__dso_handle FINI_WEAK __attribute__((visibility("hidden")));

extern __typeof__(dladdr1) dladdr1 FINI_WEAK;
extern __typeof__(bindtextdomain) bindtextdomain FINI_WEAK;
extern __typeof__(_r_debug) _r_debug FINI_WEAK;

/* A function of libc that only stores, so that libc may call it whatever has become of us. */
static handler_fn *const store = (handler_fn *)(void (*)(void))sigfillset;

static bool stored(const sigset_t *set)
{
    return *(const volatile unsigned char *)set != 0;
}

/* ---- one record a process -------------------------------------------------------------------- */

/* Shared by all images with libfini, of this namespace, and outlives each of them: the exit mark.
 * One a process and not one an image, because libc reuses the slot of an unregistered handler only
 * at the end of its list: overlapped reloads would leak 33 bytes each. A change of its layout
 * changes its name. */
struct process {
    _Atomic uintptr_t numbers; /* how many processes of this line of descent have been numbered */
    struct place { /* where exit() has a finalizer called from; sp 0: not seen yet */
        _Atomic uintptr_t pc, sp, outer_slot, outer_pc;
        atomic_bool in_malloc; /* exit() was called from a signal handler that interrupted it */
    } exit;
    struct forgotten {
        _Atomic uintptr_t number; /* of this process; 0: a child that has none yet */
        sigset_t mark;            /* filled by exit() itself when it reaches our handler */
        _Atomic unsigned exiting;
        _Atomic unsigned marked;        /* the handler is registered */
        _Atomic uintptr_t exit_thread; /* in a static program: who has called exit() */
    } *forgotten; /* on a page that is cleared in forked children: exit() begins anew there */
    bool forgets; /* there is such a page */
};

/* libc keeps this string for us after the image is gone, and forgets it at exec. Reading costs 23
 * ns. There is no such file, and nobody looks for one: the domain is never used for messages. */
static const char process_name[] = "libfini process 1";
static const char process_prefix[] = "/libfini/";

static struct forgotten own_forgotten;
static struct process own_process = {.forgotten = &own_forgotten}; /* where there is no memory */
static struct process *process = &own_process;

/* ---- which image is at an address ------------------------------------------------------------ */

struct module {
    const struct link_map *map;      /* NULL: none */
    struct fini__unwind_table table; /* its header is NULL in an image without tables */
};

static bool inside(const struct module *module, uintptr_t address)
{
    return address >= (uintptr_t)module->table.begin && address < (uintptr_t)module->table.end;
}

#if defined(DLFO_STRUCT_HAS_EH_DBASE) && !defined(FINI_GLIBC_WITHOUT_FIND_OBJECT)

extern __typeof__(_dl_find_object) _dl_find_object FINI_WEAK;

static bool can_find_object(void)
{
    return _dl_find_object != NULL;
}

/* glibc 2.35 and later: every namespace, no lock, safe in signal handlers. */
static bool find_object(uintptr_t address, struct module *ret)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)address, &found) != 0)
        return false;
    *ret = (struct module){found.dlfo_link_map,
                           {found.dlfo_eh_frame, found.dlfo_map_start, found.dlfo_map_end}};
    return true;
}

#else

static bool can_find_object(void)
{
    return false;
}

static bool find_object(uintptr_t address, struct module *ret)
{
    (void)address;
    (void)ret;
    return false;
}

#endif

/* The image's program headers, by way of the ELF header that its first segment begins with. */
static void read_headers(const unsigned char *base, struct module *ret)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)base;
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(const void *)(base + header->e_phoff);
    ElfW(Addr) first = ~(ElfW(Addr))0, last = 0, frames = 0;
    for (unsigned n = header->e_phnum; n > 0; n--, segment++) {
        if (segment->p_type == PT_LOAD && segment->p_vaddr < first)
            first = segment->p_vaddr;
        if (segment->p_type == PT_LOAD && segment->p_vaddr + segment->p_memsz > last)
            last = segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_GNU_EH_FRAME)
            frames = segment->p_vaddr;
    }
    ret->table.begin = base;
    ret->table.end = base + (last - first);
    ret->table.header = frames ? base + (frames - first) : NULL;
}

/* dl_iterate_phdr would see the caller's namespace only, dladdr1 sees all. */
static bool find_by_dladdr(uintptr_t address, struct module *ret)
{
    Dl_info info;
    void *map = NULL;
    if (!dladdr1 || !dladdr1((void *)address, &info, &map, RTLD_DL_LINKMAP) || !info.dli_fbase)
        return false;
    if (memcmp(info.dli_fbase, ELFMAG, SELFMAG) != 0)
        return false;
    ret->map = map;
    read_headers(info.dli_fbase, ret);
    return true;
}

static bool find_module(uintptr_t address, struct module *ret)
{
    if (can_find_object() ? find_object(address, ret) : find_by_dladdr(address, ret))
        return true;
    ret->map = NULL;
    return false;
}

static uintptr_t own_address(void)
{
    return (uintptr_t)&find_module;
}

/* ---- what an image says of itself: its dynamic section --------------------------------------- */

struct dynamic {
    const uint32_t *hash; /* DT_GNU_HASH */
    const ElfW(Sym) *symbols;
    const char *strings;
    const uintptr_t *finalizers; /* .fini_array */
    size_t finalizers_size;
};

/* glibc relocates some entries in place and leaves others as they are in the file. */
static uintptr_t relocated(const struct link_map *map, uintptr_t value)
{
    return value < map->l_addr ? value + map->l_addr : value;
}

static void read_dynamic(const struct link_map *map, struct dynamic *ret)
{
    *ret = (struct dynamic){.hash = NULL};
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++)
        switch (entry->d_tag) {
        case DT_GNU_HASH:
            ret->hash = (const uint32_t *)relocated(map, entry->d_un.d_ptr);
            break;
        case DT_SYMTAB:
            ret->symbols = (const ElfW(Sym) *)relocated(map, entry->d_un.d_ptr);
            break;
        case DT_STRTAB:
            ret->strings = (const char *)relocated(map, entry->d_un.d_ptr);
            break;
        case DT_FINI_ARRAY:
            ret->finalizers = (const uintptr_t *)relocated(map, entry->d_un.d_ptr);
            break;
        case DT_FINI_ARRAYSZ:
            ret->finalizers_size = entry->d_un.d_val;
            break;
        }
}

/* One of the image's .fini_array functions begins at this address. */
static bool is_finalizer(const struct link_map *map, uintptr_t function)
{
    struct dynamic dynamic;
    read_dynamic(map, &dynamic);
    const uintptr_t *entry = dynamic.finalizers;
    size_t count = entry ? dynamic.finalizers_size / sizeof *entry : 0;
    while (count > 0 && *entry != function)
        count--, entry++;
    return count > 0;
}

/* Functions of ld.so and libc whose frames tell something. */
enum landmark { NO_LANDMARK, UNLOADS, EXITS, CATCHES, ALLOCATES };

/* A failing dlopen of something else can sweep an image out, so dlopen counts as an unload. The
 * last two stand around every load and unload, also where libc itself unloads (NSS, iconv) without
 * going through dlclose: ld.so's own or, once libc is there, libc's. _dl_fini does not use them. */
static const struct name {
    const char *text;
    uint32_t hash; /* of DT_GNU_HASH: from 5381, times 33 plus each byte */
    enum landmark landmark;
} names[] = {
    {"dlclose", 0x18a916eb, UNLOADS},
    {"dlopen", 0xf9040207, UNLOADS},
    {"dlmopen", 0x195fb394, UNLOADS},
    {"exit", 0x7c967e3f, EXITS},
    {"_dl_catch_exception", 0xe81ec1e4, CATCHES},
    {"_dl_catch_error", 0x677f9a5f, CATCHES},
    {"malloc", 0x0d39ad3d, ALLOCATES},
    {"calloc", 0xf5e616f3, ALLOCATES},
    {"realloc", 0x3de00ec7, ALLOCATES},
    {"free", 0x7c96f087, ALLOCATES},
};

/* Where an image has them. A name may have several versions. */
struct landmarks {
    const struct link_map *map;
    unsigned count;
    struct {
        uintptr_t begin, size;
        enum landmark landmark;
    } at[20];
};

static void add_landmark(struct landmarks *ret, const ElfW(Sym) *symbol, enum landmark landmark)
{
    if (ret->count == sizeof ret->at / sizeof *ret->at || symbol->st_shndx == SHN_UNDEF)
        return;
    ret->at[ret->count].begin = ret->map->l_addr + symbol->st_value;
    ret->at[ret->count].size = symbol->st_size;
    ret->at[ret->count++].landmark = landmark;
}

/* The table's filter: false means that no symbol has this hash. */
static bool may_contain(const uint32_t *table, uint32_t hash)
{
    const unsigned bits = 8 * sizeof(ElfW(Addr));
    const ElfW(Addr) *filter = (const ElfW(Addr) *)(const void *)(table + 4);
    ElfW(Addr) word = filter[hash / bits & (table[2] - 1)];
    return word >> hash % bits & word >> (hash >> table[3]) % bits & 1;
}

static void add_named(struct landmarks *ret, const struct dynamic *image, const struct name *name)
{
    const uint32_t *table = image->hash;
    const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chains = buckets + table[0];
    uint32_t index = buckets[name->hash % table[0]];
    for (uint32_t hash = 0; index >= table[1] && !(hash & 1); index++) {
        hash = chains[index - table[1]];
        if ((hash | 1) == (name->hash | 1) &&
            strcmp(image->strings + image->symbols[index].st_name, name->text) == 0)
            add_landmark(ret, &image->symbols[index], name->landmark);
    }
}

static void find_landmarks(const struct link_map *map, struct landmarks *ret)
{
    struct dynamic image;
    read_dynamic(map, &image);
    ret->map = map;
    ret->count = 0;
    if (!image.hash || image.hash[0] == 0 || !image.symbols || !image.strings)
        return;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (may_contain(image.hash, names[n].hash))
            add_named(ret, &image, &names[n]);
}

/* The landmark that begins at this address. */
static enum landmark landmark_at(const struct landmarks *in, uintptr_t function)
{
    for (unsigned n = 0; n < in->count; n++)
        if (in->at[n].begin == function)
            return in->at[n].landmark;
    return NO_LANDMARK;
}

/* ---- walking the stack ----------------------------------------------------------------------- */

static const struct fini__unwind_registers x86_64 = {
    .frame_pointer = 6, .stack_pointer = 7, .return_address = 16};

/* Deep enough for what stands between a finalizer and its cause; a bound for what is beyond. */
enum { FRAMES_MOST = 256 };

struct walk {
    uintptr_t pc, sp, fp;
    uintptr_t slot; /* where pc was read */
    bool fp_known;
    struct module module; /* of pc */
    struct fini__unwind_row row;
};

enum found { FOUND, OUTERMOST, LOST };

/* Not for sanitizers: it looks at frames that are not ours. */
__attribute__((no_sanitize("address"))) static uintptr_t word_at(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

/* The caller of the function whose frame pointer stands at `frame`. Its return address and saved
 * frame pointer have the same place in every function that keeps a frame, so that the image
 * itself needs no unwind tables. */
static struct walk walk_from(const void *frame)
{
    uintptr_t at = (uintptr_t)frame;
    return (struct walk){.fp = word_at(at),
                         .pc = word_at(at + sizeof(uintptr_t)),
                         .sp = at + 2 * sizeof(uintptr_t),
                         .fp_known = true};
}

/* Which function is it, and what is known of its frame? A return address belongs to the call
 * before it, which may be the last instruction of its function. */
static enum found walk_look(struct walk *w)
{
    if (w->pc == 0)
        return OUTERMOST;
    if (!inside(&w->module, w->pc - 1) && !find_module(w->pc - 1, &w->module))
        return LOST;
    if (!fini__unwind_find(&w->module.table, &x86_64, w->pc - 1, &w->row))
        return LOST;
    return w->row.outermost ? OUTERMOST : FOUND;
}

static bool walk_up(struct walk *w)
{
    const struct fini__unwind_row *row = &w->row;
    if (row->return_address.rule != FINI__UNWIND_SAVED)
        return false;
    if (row->cfa_from_frame_pointer && !w->fp_known)
        return false;
    uintptr_t cfa = (row->cfa_from_frame_pointer ? w->fp : w->sp) + (uintptr_t)row->cfa_offset;
    if (cfa <= w->sp || cfa % sizeof(uintptr_t) != 0)
        return false;
    w->slot = cfa + (uintptr_t)row->return_address.offset;
    w->pc = word_at(w->slot);
    if (row->frame_pointer.rule == FINI__UNWIND_SAVED)
        w->fp = word_at(cfa + (uintptr_t)row->frame_pointer.offset);
    if (row->frame_pointer.rule != FINI__UNWIND_SAME)
        w->fp_known = row->frame_pointer.rule == FINI__UNWIND_SAVED;
    w->sp = cfa;
    return true;
}

/* ---- the loader ------------------------------------------------------------------------------ */

/* A static program has no loader, or one that has loaded nothing. */
static bool has_loader(void)
{
    return &_r_debug && _r_debug.r_ldbase != 0;
}

static bool in_loader(const struct module *module)
{
    return has_loader() && module->map && module->map->l_addr == _r_debug.r_ldbase;
}

/* ---- why ------------------------------------------------------------------------------------- */

/* What a walk has met, from the inside out. */
struct trail {
    bool unload; /* dlclose, dlopen or dlmopen */
    bool caught; /* the frame around all loads and unloads */
    bool exit;   /* exit(): the walk ends here */
    unsigned outside_loader;
    /* Those of the images of the last two frames, the last first: the stack goes back and forth
     * between libc and ld.so. */
    struct landmarks images[2];
    uintptr_t exit_begin, exit_size; /* the code of exit() in the libc that unloads */
};

/* exit() calls __run_exit_handlers calls _dl_fini: close by means that it is the cause, even if a
 * future _dl_fini should use _dl_catch_exception too. */
enum { EXIT_IS_CLOSE = 3 };

/* Without the memory of landmarks, which is most of it. */
static void trail_begin(struct trail *trail)
{
    trail->unload = trail->caught = trail->exit = false;
    trail->outside_loader = 0;
    trail->images[0].map = trail->images[1].map = NULL;
    trail->images[0].count = trail->images[1].count = 0;
    trail->exit_begin = trail->exit_size = 0;
}

static const struct landmarks *landmarks_of(struct trail *trail, const struct link_map *map)
{
    if (trail->images[0].map != map) {
        struct landmarks last = trail->images[0];
        trail->images[0] = trail->images[1];
        trail->images[1] = last;
    }
    if (trail->images[0].map != map)
        find_landmarks(map, &trail->images[0]);
    return &trail->images[0];
}

/* The exit() that stands beside the dlclose or dlopen just met. */
static void note_unload(struct trail *trail, const struct landmarks *landmarks)
{
    trail->unload = true;
    for (unsigned n = 0; n < landmarks->count; n++)
        if (landmarks->at[n].landmark == EXITS) {
            trail->exit_begin = landmarks->at[n].begin;
            trail->exit_size = landmarks->at[n].size;
        }
}

static void note_frame(struct trail *trail, const struct walk *w)
{
    const struct landmarks *landmarks = landmarks_of(trail, w->module.map);
    enum landmark landmark = landmark_at(landmarks, w->row.function);
    trail->outside_loader += !in_loader(&w->module);
    if (landmark == UNLOADS && !trail->unload)
        note_unload(trail, landmarks);
    trail->caught |= landmark == CATCHES;
    trail->exit = landmark == EXITS;
}

static enum found follow(struct walk *w, struct trail *trail)
{
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(w);
        if (found == LOST)
            return LOST;
        note_frame(trail, w);
        if (trail->exit)
            return FOUND;
        if (found == OUTERMOST)
            return OUTERMOST;
        if (!walk_up(w))
            return LOST;
    }
    return LOST;
}

/* The kernel reads the signal set before it rejects the operation: EFAULT says unreadable. */
static bool readable(uintptr_t address)
{
    return syscall(SYS_rt_sigprocmask, ~0, address, NULL, 8) == -1 && errno == EINVAL;
}

/* For a scan upwards: asks once a page. */
static bool still_readable(uintptr_t at, bool first)
{
    return (!first && at % 4096 != 0) || readable(at);
}

/* How far to look for exit() beyond a frame without unwind tables, in words of stack. */
enum { EXIT_SCAN_MOST = 8192 };

/* Lost above an unload, in a host without unwind tables. exit() never returns, so a return address
 * into it is live wherever on the stack it stands; its call may be its last instruction. We keep
 * the function's size and not its end: that is such an address, and would be found where an
 * earlier walk has left it (seen). */
static bool exit_is_further_out(const struct trail *trail, uintptr_t at)
{
    for (unsigned n = 0; trail->exit_begin != 0 && n < EXIT_SCAN_MOST; n++, at += sizeof at) {
        if (!still_readable(at, n == 0))
            return false;
        if (word_at(at) - trail->exit_begin - 1 < trail->exit_size)
            return true;
    }
    return false;
}

static enum found follow_or_scan(struct walk *w, struct trail *trail)
{
    enum found end = follow(w, trail);
    if (end == LOST && trail->unload)
        trail->exit = exit_is_further_out(trail, w->sp);
    return end;
}

static struct fini__sight see_from(struct walk w)
{
    struct trail trail;
    trail_begin(&trail);
    enum found end = follow_or_scan(&w, &trail);
    bool unload_unnamed = trail.caught && !trail.unload &&
                          (trail.exit ? trail.outside_loader > EXIT_IS_CLOSE : end == OUTERMOST);
    bool unload = trail.unload || unload_unnamed;
    return (struct fini__sight){.finalizer = true,
                                .by_unload = unload,
                                .by_exit = trail.exit && !unload,
                                .exit_around = trail.exit || fini__platform_exiting()};
}

/* After the first finalizer at exit, the answer for most others is known: they are called from the
 * same frame of the loader, which exit() never leaves. The place is the return address, the
 * stack pointer, and the return address of the frame around it: in glibc 2.34 and later the first
 * alone would also fit an unload by a later exit handler, at the same depth by chance. */
static bool same_place(const struct place *exit, const struct walk *w)
{
    return w->sp == atomic_load_explicit(&exit->sp, memory_order_relaxed) &&
           w->pc == atomic_load_explicit(&exit->pc, memory_order_relaxed) &&
           word_at(atomic_load_explicit(&exit->outer_slot, memory_order_relaxed)) ==
               atomic_load_explicit(&exit->outer_pc, memory_order_relaxed);
}

static void note_place(struct place *exit, struct walk w)
{
    struct walk inner = w;
    if (walk_look(&w) != FOUND || !walk_up(&w))
        return;
    atomic_store_explicit(&exit->outer_slot, w.slot, memory_order_relaxed);
    atomic_store_explicit(&exit->outer_pc, w.pc, memory_order_relaxed);
    atomic_store_explicit(&exit->pc, inner.pc, memory_order_relaxed);
    atomic_store_explicit(&exit->sp, inner.sp, memory_order_relaxed);
}

/* Where a signal handler returns to: mov $15, %rax; syscall (rt_sigreturn). Debuggers know it by
 * these bytes as well. */
static bool is_signal_return(const struct walk *w)
{
    static const unsigned char code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    return w->module.map && memcmp((const void *)w->pc, code, sizeof code) == 0;
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

/* Further out than a signal handler stands a function of malloc, which may hold its locks. */
static bool interrupts_malloc(struct walk w)
{
    struct trail trail;
    bool interrupted = false;
    trail_begin(&trail);
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(&w);
        if (found == FOUND && interrupted &&
            landmark_at(landmarks_of(&trail, w.module.map), w.row.function) == ALLOCATES)
            return true;
        if (found == FOUND && walk_up(&w))
            continue;
        if (!is_signal_return(&w))
            return false;
        w = walk_interrupted(&w);
        interrupted = true;
    }
    return false;
}

FINI_COLD struct fini__sight fini__platform_see(const void *frame)
{
    struct walk w = walk_from(frame);
    if (same_place(&process->exit, &w))
        return (struct fini__sight){.finalizer = true, .by_exit = true, .exit_around = true};
    struct fini__sight sight = see_from(w);
    if (sight.by_exit) {
        atomic_store(&process->exit.in_malloc, interrupts_malloc(w));
        note_place(&process->exit, w);
    }
    return sight;
}

/* ---- fini_why outside hooks ------------------------------------------------------------------ */

/* Where in ld.so constructors of this image are called from: a finalizer is called from elsewhere.
 * Tells them apart in an image without unwind tables, under dlopen. */
static uintptr_t constructors_called_from;

/* The words of stack that are looked through for a return address into the loader. Few, because
 * what an earlier dlclose has left on the stack looks the same. */
enum { SCAN_MOST = 128 };

/* An indirect call ends before pc: FF /2 with 2 to 7 bytes. ld.so calls finalizers that way, and
 * little else, so that what earlier calls have left on the stack is passed over. */
static bool called_indirectly(uintptr_t pc)
{
    for (unsigned length = 2; length <= 7; length++) {
        const unsigned char *code = (const unsigned char *)(pc - length);
        if (code[0] == 0xff && ((code[1] >> 3) & 7) == 2)
            return true;
    }
    return false;
}

static bool is_finalizer_call(uintptr_t pc)
{
    struct module module = {.map = NULL};
    return pc != constructors_called_from && find_module(pc, &module) && in_loader(&module) &&
           called_indirectly(pc);
}

static bool see_from_loader(uintptr_t at, uintptr_t fp, bool fp_known, struct fini__sight *ret)
{
    *ret = see_from((struct walk){
        .pc = word_at(at), .sp = at + sizeof(uintptr_t), .fp = fp, .fp_known = fp_known});
    return ret->by_exit || ret->by_unload;
}

/* From the loader's return address at `at`. From glibc 2.34 on, what calls finalizers goes by the
 * stack pointer and has saved the frame pointer itself. Before, it goes by the frame pointer:
 * still in the register, or saved by one of the image's functions in one of the words below. */
static bool see_loader_at(uintptr_t at, uintptr_t from, uintptr_t fp, struct fini__sight *ret)
{
    if (see_from_loader(at, 0, false, ret))
        return true;
    for (uintptr_t saved = at; saved >= from; saved -= sizeof(uintptr_t)) {
        uintptr_t candidate = saved == at ? fp : word_at(saved);
        bool plausible = candidate > at && candidate - at < 0x10000 && candidate % sizeof at == 0;
        if (plausible && readable(candidate) && see_from_loader(at, candidate, true, ret))
            return true;
    }
    return false;
}

static struct fini__sight scan(const struct walk *w)
{
    struct fini__sight sight = {.finalizer = false};
    for (uintptr_t at = w->sp, n = 0; n < SCAN_MOST; at += sizeof(uintptr_t), n++) {
        if (!still_readable(at, n == 0))
            break;
        if (is_finalizer_call(word_at(at)) && see_loader_at(at, w->sp, w->fp, &sight))
            return sight;
    }
    return (struct fini__sight){.finalizer = false};
}

/* Static programs: the mark was set before any other handler, so that exit() reaches it after
 * them and just before the finalizers. */
static struct fini__sight see_static(void)
{
    uintptr_t exit_thread = atomic_load(&process->forgotten->exit_thread);
    return (struct fini__sight){.finalizer = exit_thread == fini__platform_thread(),
                                .by_exit = true};
}

FINI_COLD struct fini__sight fini__platform_see_around(const void *frame)
{
    struct walk w = walk_from(frame);
    struct module own = {.map = NULL};
    if (!has_loader())
        return see_static();
    if (!find_module(own_address(), &own))
        return (struct fini__sight){.finalizer = false};
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(&w);
        if (found == LOST && inside(&own, w.pc - 1))
            return scan(&w);
        if (found != FOUND)
            break;
        uintptr_t function = inside(&own, w.pc) ? w.row.function : 0;
        if (!walk_up(&w))
            break;
        if (function != 0 && is_finalizer(own.map, function) && find_module(w.pc, &w.module) &&
            in_loader(&w.module))
            return see_from(w);
    }
    return (struct fini__sight){.finalizer = false};
}

/* ---- the record: made, found, marked --------------------------------------------------------- */

static struct process *find_process(void)
{
    unsigned long address = 0;
    const char *text = bindtextdomain(process_name, NULL);
    if (text && strncmp(text, process_prefix, sizeof process_prefix - 1) == 0)
        address = strtoul(text + sizeof process_prefix - 1, NULL, 16);
    return (struct process *)address;
}

static bool publish_process(const struct process *p)
{
    char text[sizeof process_prefix + 2 * sizeof(long) + 1];
    snprintf(text, sizeof text, "%s%lx", process_prefix, (unsigned long)p);
    return bindtextdomain && bindtextdomain(process_name, text);
}

/* Two pages: the record, and what a child is to forget. Not from malloc: a leak checker would not
 * see the address in the string. */
static struct process *make_process(void)
{
    size_t page = (size_t)getpagesize();
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    struct process *made = (struct process *)(void *)memory;
    made->forgets = madvise(memory + page, page, MADV_WIPEONFORK) == 0;
    made->forgotten = (struct forgotten *)(void *)(memory + page);
    if (!has_loader() || publish_process(made))
        return made;
    munmap(memory, 2 * page);
    return NULL;
}

/* Constructors run under the loader's lock, so that no two images make a record at once. */
static void share_process(void)
{
    struct process *shared = bindtextdomain && has_loader() ? find_process() : NULL;
    if (!shared)
        shared = make_process();
    if (shared)
        process = shared;
}

/* A start-up constructor runs before libc registers the loader's finalizer: a mark set there is
 * reached after all finalizers, too late. The outermost frame tells: before main it is ld.so's.
 * Where the walk is lost earlier, the program's own code, and code that is in no image, run
 * after main has begun or just before it, when libc has registered; of any other code it is
 * not known. */
static bool main_has_begun(struct walk *w)
{
    for (unsigned n = 0; n < FRAMES_MOST; n++) {
        enum found found = walk_look(w);
        if (found == OUTERMOST)
            return !in_loader(&w->module);
        if (found == LOST || !walk_up(w))
            return !w->module.map || w->module.map == _r_debug.r_map;
    }
    return true;
}

static bool may_register(struct walk w)
{
    return !has_loader() || main_has_begun(&w);
}

/* In a static program our code is as immortal as libc's, and can note the thread too. */
static void note_exit(void *mark)
{
    sigfillset(mark);
    atomic_store(&process->forgotten->exit_thread, fini__platform_thread());
}

static void try_to_set_mark(struct walk w)
{
    unsigned unmarked = 0;
    if (process == &own_process || atomic_load(&process->forgotten->marked) || !may_register(w))
        return;
    if (atomic_compare_exchange_strong(&process->forgotten->marked, &unmarked, 1) &&
        __cxa_atexit(has_loader() ? store : note_exit, &process->forgotten->mark,
                     &process->forgotten->mark) != 0)
        atomic_store(&process->forgotten->marked, 0);
}

FINI_COLD FINI_NOINLINE static void try_to_set_mark_here(void)
{
    try_to_set_mark(walk_from(FINI_FRAME()));
}

void fini__platform_watch_exit(void)
{
    if (FINI_UNLIKELY(!atomic_load_explicit(&process->forgotten->marked, memory_order_relaxed)))
        try_to_set_mark_here();
}

bool fini__platform_exiting(void)
{
    return stored(&process->forgotten->mark) ||
           atomic_load_explicit(&process->forgotten->exiting, memory_order_relaxed) != 0;
}

void fini__platform_set_exiting(void)
{
    atomic_store_explicit(&process->forgotten->exiting, 1, memory_order_relaxed);
}

/* ---- handlers that exit() may be running while the image goes -------------------------------- */

/* libc takes an exit handler off its list before it calls it, so that between the two another
 * thread's dlclose does not see it and unmaps the function: SIGSEGV. Here exit() itself notes in
 * `returned`, by the next older entry, that the call is over; whoever finds the handler taken
 * waits for that. */
struct exit_call {
    void (*fn)(void);
    atomic_bool armed;
    sigset_t returned;
    _Atomic uintptr_t remover; /* the thread that takes the handler back... */
    bool was_there;            /* ... and has found it */
    _Atomic uintptr_t runner;  /* the thread of exit() that has called it */
    _Atomic uintptr_t process; /* where it was armed or called: a child must not wait for it */
    char owner, returned_owner; /* for their addresses */
};

FINI_COLD static void exit_call_run(void *arg)
{
    struct exit_call *call = arg;
    uintptr_t self = fini__platform_thread();
    atomic_store(&call->process, fini__platform_process());
    if (atomic_load(&call->remover) == self) {
        call->was_there = true;
        return;
    }
    atomic_store(&call->runner, self);
    call->fn();
}

/* Another thread that arms it at the same time is as good. */
static void exit_call_arm(struct exit_call *call)
{
    if (atomic_exchange(&call->armed, true))
        return;
    sigemptyset(&call->returned);
    call->was_there = false;
    atomic_store(&call->remover, 0);
    atomic_store(&call->runner, 0);
    atomic_store(&call->process, fini__platform_process());
    if (__cxa_atexit(store, &call->returned, &call->returned_owner) == 0) {
        if (__cxa_atexit(exit_call_run, call, &call->owner) == 0)
            return;
        __cxa_finalize(&call->returned_owner);
    }
    atomic_store(&call->armed, false);
}

/* A thread that calls exit() may have been stopped anywhere in its handler. If it is the caller,
 * the handler is further down on this stack, and nothing of it will run any more. */
static void exit_call_wait(const struct exit_call *call)
{
    for (unsigned round = 0; !stored(&call->returned); round++) {
        if (atomic_load(&call->runner) == fini__platform_thread() ||
            atomic_load(&call->process) != fini__platform_process())
            return;
        fini__platform_pause(round);
    }
}

/* __cxa_finalize runs the handler if it is still there. */
static void exit_call_disarm(struct exit_call *call)
{
    if (!atomic_exchange(&call->armed, false))
        return;
    atomic_store(&call->remover, fini__platform_thread());
    __cxa_finalize(&call->owner);
    if (!call->was_there)
        exit_call_wait(call);
    __cxa_finalize(&call->returned_owner);
}

static struct exit_call early = {.fn = fini__image_exit_begins};
static struct exit_call resume = {.fn = fini__image_resume};

/* Before main has begun the handler would be older than the loader's finalizer, and so too late. */
FINI_COLD FINI_NOINLINE static void try_to_arm_early(void)
{
    if (may_register(walk_from(FINI_FRAME())))
        exit_call_arm(&early);
}

void fini__platform_early_exit(void)
{
    if (!atomic_load(&early.armed))
        try_to_arm_early();
}

FINI_COLD void fini__platform_resume_at_exit(bool on)
{
    if (on && !atomic_load(&process->exit.in_malloc)) {
        atomic_store(&resume.armed, false); /* exit() may have taken it, below on this stack */
        exit_call_arm(&resume);
    } else if (!on) {
        exit_call_disarm(&resume);
    }
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* The kernel clears this page in a forked child (4.14 and later), which tells more surely than a
 * pid - a child may have its parent's in a namespace of its own - and without a system call. A
 * fork handler an image would tell as well, but each __cxa_finalize searches all of them: with
 * 1000 images exit() took twice as long. */
static uintptr_t number_process(struct process *p)
{
    uintptr_t none = 0;
    uintptr_t number = 1 + atomic_fetch_add(&p->numbers, 1);
    return atomic_compare_exchange_strong(&p->forgotten->number, &none, number) ? number : none;
}

uintptr_t fini__platform_process(void)
{
    if (!process->forgets)
        return (uintptr_t)getpid();
    uintptr_t number = atomic_load_explicit(&process->forgotten->number, memory_order_relaxed);
    return number != 0 ? number : number_process(process);
}

/* ---- the image's life ------------------------------------------------------------------------ */

/* From the constructor: whoever loads the image from an exit handler that is newer than the mark,
 * shows on the stack that exit() has begun. */
static void look_around(struct walk w)
{
    struct trail trail;
    if (fini__platform_exiting())
        return;
    try_to_set_mark(w);
    trail_begin(&trail);
    follow_or_scan(&w, &trail);
    if (trail.exit)
        fini__platform_set_exiting();
}

FINI_COLD FINI_CONSTRUCTOR static void call_loaded(void)
{
    static bool loaded;
    int saved = errno;
    if (loaded) /* a finalizer of ours opened a library that depends on us: glibc begins anew */
        return;
    loaded = true;
    constructors_called_from = word_at((uintptr_t)FINI_FRAME() + sizeof(uintptr_t));
    share_process();
    look_around(walk_from(FINI_FRAME()));
    fini__image_loaded();
    errno = saved;
}

FINI_COLD FINI_DESTRUCTOR static void call_finalize(void)
{
    int cancel_state;
    /* A hook that is cancelled in dlclose would leave the loader's lock locked for ever. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    fini__image_finalize(FINI_FRAME());
    pthread_setcancelstate(cancel_state, NULL);
    FINI_NO_TAIL_CALL();
}

/* Handlers of a start-up image are older than the loader's finalizer, so exit() has not run them
 * yet; crtbegin's destructor would, but after us. For all other images this finds nothing. */
FINI_COLD void fini__platform_run_exit_handlers(void)
{
    if (&__dso_handle && __dso_handle)
        __cxa_finalize(__dso_handle);
}

/* __cxa_thread_atexit_impl ends the process when it has no memory for its 32 bytes. */
static bool has_memory(void)
{
    void *volatile probe = malloc(64);
    free(probe);
    return probe != NULL;
}

/* A library that this one depends on may dlclose it from its own, later, finalizer. The loader
 * keeps an image that has thread-local destructors outstanding, and the exiting thread's have all
 * run, so this one stays outstanding. Not by dlopen: see PLATFORMS.md. Not when exit() was called
 * from a signal handler that interrupted malloc: calloc would wait for ever. */
FINI_COLD void fini__platform_stay_mapped(void)
{
    static sigset_t anything;
    if (__cxa_thread_atexit_impl && has_loader() &&
        !atomic_load(&process->exit.in_malloc) && has_memory())
        __cxa_thread_atexit_impl(store, &anything, &anything);
}

FINI_COLD void fini__platform_unload(void)
{
    exit_call_disarm(&early);
}

/* ---- small things ---------------------------------------------------------------------------- */

uintptr_t fini__platform_thread(void)
{
    return (uintptr_t)pthread_self();
}

FINI_COLD unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)syscall(SYS_gettid);
}

/* System calls and not libc's functions, here and below: those are cancellation points, and the
 * thread may be inside the loader's lock. */
FINI_COLD void fini__platform_pause(unsigned round)
{
    const unsigned yields = 16;
    const struct timespec nap = {.tv_nsec = round < 200 ? 50000 : 1000000};
    if (round < yields)
        sched_yield();
    else
        syscall(SYS_nanosleep, &nap, NULL);
}

FINI_COLD bool fini__platform_setting(const char *name)
{
    const char *value = secure_getenv(name);
    return value && strcmp(value, "1") == 0;
}

FINI_COLD void fini__platform_print(const char *text, size_t length)
{
    syscall(SYS_write, STDERR_FILENO, text, length);
}

FINI_COLD const char *fini__platform_image_name(void)
{
    struct module own = {.map = NULL};
    if (find_module(own_address(), &own) && own.map && own.map->l_name[0])
        return own.map->l_name;
    return program_invocation_name;
}

#else
typedef int fini__glibc_is_not_this_platform;
#endif
