/* SPDX-License-Identifier: MIT
 *
 * glibc 2.17 and later.
 *
 * Decides: to learn the reason from the stack, and from one mark a process whether exit() has
 * begun; how the images of a process share what they know; what is registered with libc, when,
 * and how it is taken back.
 * Leaves to others: the walk up the stack (stack.c); what was seen means what (reason.c).
 *
 * Facts cited here were read in glibc 2.36 and hold for 2.17 to 2.42 unless they say otherwise.
 * Functions that a static program may lack are weak.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <errno.h>
#include <libintl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../platform.h"
#include "objects.h"
#include "references.h"
#include "self.h"
#include "stack.h"
#include "values.h"

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

extern __typeof__(bindtextdomain) bindtextdomain FINI_WEAK;

/* A function of libc that only stores, so that libc may call it whatever has become of us. */
static handler_fn *const store = (handler_fn *)(void (*)(void))sigfillset;

/* ---- one record a process -------------------------------------------------------------------- */

/* Shared by all images with libfini, and outlives each of them. What the portable files share comes
 * behind it, so close that both begin on one page; what is forgotten has the last page. New
 * members come at the end of each, and zero means to them that no copy has used them yet; another
 * change of the layout (of union frame, too) changes the name. One exit mark a process and not
 * one an image, because libc reuses the slot of an unregistered handler only at the end of its
 * list: overlapped reloads would leak 33 bytes each. */
struct process {
    _Atomic uintptr_t numbers; /* how many processes of this line of descent have been numbered */
    bool forgets;              /* `forgotten` is on a page that is cleared in forked children */
    bool published;            /* every image finds it: here is a place for what outlives one */
    struct fini__thread_ends ends;
    struct fini__stack_memory stack;
    struct fini__key_rows *_Atomic key_rows;
};

enum { SHARED_AT = 3072 };

/* libc keeps this string for us after the image is gone, and forgets it at exec. Reading costs 23
 * ns. There is no such file, and nobody looks for one: the domain is never used for messages. */
static char process_name[] = "libfini process 2"; /* not const: on a page that is touched anyway */
static char record_prefix[] = "/libfini/";

static struct process *process; /* NULL where there is no memory for it */

/* ---- why ------------------------------------------------------------------------------------- */

static struct fini__sight sight_of(struct fini__stack_view view)
{
    return (struct fini__sight){.finalizer = view.finalizer,
                                .by_unload = view.by_unload,
                                .by_exit = view.by_exit,
                                .exit_around = view.exit || fini__platform_exiting()};
}

static void note_malloc(const void *frame)
{
    unsigned known = fini__stack_interrupts_malloc(frame) ? FINI__MALLOC_HELD : FINI__MALLOC_FREE;
    atomic_store_explicit(&fini__self_forgotten()->malloc_may_be_held, known, memory_order_relaxed);
}

static bool malloc_may_be_held(void)
{
    const struct fini__forgotten *known = fini__self_forgotten();
    return atomic_load_explicit(&known->malloc_may_be_held, memory_order_relaxed) ==
           FINI__MALLOC_HELD;
}

struct fini__sight fini__platform_see(const void *frame)
{
    struct fini__sight sight = sight_of(fini__stack_view_from(frame));
    if (sight.by_exit && atomic_load(&fini__self_forgotten()->malloc_may_be_held) == 0)
        note_malloc(frame);
    return sight;
}

/* Where in the loader this image's constructors are called from. */
static uintptr_t constructors_called_from;

/* Static programs: the mark was set before any other handler, so that exit() reaches it after
 * them and just before the finalizers. */
static struct fini__sight see_static(void)
{
    uintptr_t exit_thread = atomic_load(&fini__self_forgotten()->exit_thread);
    return (struct fini__sight){.finalizer = exit_thread == fini__platform_thread(),
                                .by_exit = true};
}

struct fini__sight fini__platform_see_around(const void *frame)
{
    if (!fini__has_loader())
        return see_static();
    return sight_of(fini__stack_view_around(frame, constructors_called_from));
}

/* ---- the record: made, found, marked --------------------------------------------------------- */

static uintptr_t read_hex(const char *text)
{
    uintptr_t number = 0;
    for (; *text; text++)
        number = number << 4 | (uintptr_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return number;
}

static char *write_hex(char *end, uintptr_t number)
{
    *--end = '\0';
    do
        *--end = "0123456789abcdef"[number & 15];
    while (number >>= 4);
    return end;
}

typedef __typeof__(bindtextdomain) bind_fn;
typedef __typeof__(__cxa_atexit) atexit_fn;

/* In a namespace made by dlmopen libc is a second copy, which can go, and whose exit() is not the
 * program's: the record and the mark are left with the program's. */
struct libc {
    bind_fn *bind;
    atexit_fn *atexit;
    handler_fn *store;
};

static struct libc main_libc(void)
{
    if (!fini__has_loader())
        return (struct libc){NULL, __cxa_atexit, store};
    if (fini__in_main_namespace())
        return (struct libc){bindtextdomain, __cxa_atexit, store};
    return (struct libc){(bind_fn *)fini__main_code("bindtextdomain"),
                         (atexit_fn *)fini__main_code("__cxa_atexit"),
                         (handler_fn *)fini__main_code("sigfillset")};
}

static void *recall_record(bind_fn *bind, const char *name)
{
    const char *text = bind ? bind(name, NULL) : NULL;
    for (const char *prefix = record_prefix; text && *prefix; prefix++)
        text = *text == *prefix ? text + 1 : NULL;
    return text ? (void *)read_hex(text) : NULL;
}

static bool publish_record(bind_fn *bind, const char *name, const void *record)
{
    char text[sizeof record_prefix + 2 * sizeof(uintptr_t) + 1];
    char *at = write_hex(text + sizeof text, (uintptr_t)record);
    for (size_t n = sizeof record_prefix - 1; n > 0; n--)
        *--at = record_prefix[n - 1];
    return bind && bind(name, at);
}

static size_t page_size(void)
{
    return getauxval(AT_PAGESZ);
}

static size_t forgotten_at(void)
{
    size_t page = page_size();
    return (SHARED_AT + FINI__SHARED_SIZE + page - 1) / page * page;
}

/* Not from malloc: a leak checker would not see the address in the string. Where the string cannot
 * be stored each image has a record of its own, and knows a little less. */
static struct process *make_process(bind_fn *bind)
{
    char *pages = fini__platform_map(forgotten_at() + page_size());
    struct process *made = (struct process *)(void *)pages;
    _Static_assert(sizeof *made <= SHARED_AT, "what is shared begins too early");
    if (!pages)
        return NULL;
    made->forgets = syscall(SYS_madvise, pages + forgotten_at(), page_size(),
                            MADV_WIPEONFORK) == 0;
    made->published = !fini__has_loader() || publish_record(bind, process_name, made);
    return made;
}

/* From the image's first constructor, under the loader's lock: no two images make a record at
 * once. */
static void share_process(void)
{
    struct libc libc = main_libc();
    process = recall_record(libc.bind, process_name);
    if (!process)
        process = make_process(libc.bind);
    if (!process)
        return;
    fini__self_use((struct fini__forgotten *)(void *)((char *)process + forgotten_at()));
    fini__stack_remember_in(&process->stack);
}

/* In a static program our code is as immortal as libc's, and can note the thread too. */
static void note_exit(void *mark)
{
    sigfillset(mark);
    atomic_store(&fini__self_forgotten()->exit_thread, fini__platform_thread());
}

static void set_mark(void)
{
    unsigned unmarked = 0;
    if (!process || !atomic_compare_exchange_strong(&fini__self_forgotten()->marked, &unmarked, 1))
        return;
    struct libc libc = main_libc();
    if (!libc.atexit || !libc.store ||
        libc.atexit(fini__has_loader() ? libc.store : note_exit, &fini__self_forgotten()->mark,
                    &fini__self_forgotten()->mark) != 0)
        atomic_store(&fini__self_forgotten()->marked, 0);
}

/* A start-up constructor runs before libc registers the loader's finalizer: a handler registered
 * there is reached after all finalizers, too late. */
static bool may_register(const void *frame)
{
    return !fini__has_loader() || fini__stack_view_from(frame).main_has_begun;
}

FINI_NOINLINE void fini__record_mark(void)
{
    if (may_register(FINI_FRAME()))
        set_mark();
}

/* ---- handlers that exit() may be running while the image goes -------------------------------- */

/* libc takes an exit handler off its list before it calls it, so that between the two another
 * thread's dlclose does not see it and unmaps the function: SIGSEGV. Here exit() itself notes in
 * `returned`, by the next older entry, that the call is over; whoever finds the handler taken
 * waits for that. */
enum { HALF_ARMED = 1, ARMED = 2 }; /* half: exit() came in a signal handler meanwhile */

struct exit_call {
    void (*fn)(void);
    _Atomic unsigned armed;
    sigset_t returned;
    _Atomic uintptr_t remover; /* the thread that takes the handler back... */
    bool was_there;            /* ... and has found it */
    _Atomic uintptr_t runner;  /* the thread of exit() that has called it */
    _Atomic uintptr_t process; /* where it was armed or called: a child must not wait for it */
    char owner, returned_owner; /* for their addresses */
};

static void exit_call_run(void *arg)
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
static void exit_call_arm(struct exit_call *call, void (*fn)(void))
{
    if (atomic_exchange(&call->armed, HALF_ARMED) != 0)
        return;
    call->fn = fn;
    call->returned = (sigset_t){{0}};
    call->was_there = false;
    atomic_store(&call->remover, 0);
    atomic_store(&call->runner, 0);
    atomic_store(&call->process, fini__platform_process());
    if (__cxa_atexit(store, &call->returned, &call->returned_owner) == 0) {
        if (__cxa_atexit(exit_call_run, call, &call->owner) == 0) {
            atomic_store(&call->armed, ARMED);
            return;
        }
        __cxa_finalize(&call->returned_owner);
    }
    atomic_store(&call->armed, 0);
}

/* A thread that calls exit() may have been stopped anywhere in its handler. If it is the caller,
 * the handler is further down on this stack, and nothing of it will run any more. */
static void exit_call_wait(const struct exit_call *call)
{
    for (unsigned round = 0; !fini__self_stored(&call->returned); round++) {
        if (atomic_load(&call->runner) == fini__platform_thread() ||
            atomic_load(&call->process) != fini__platform_process())
            return;
        fini__platform_pause(round);
    }
}

/* __cxa_finalize runs the handler if it is still there. */
static void exit_call_disarm(struct exit_call *call)
{
    unsigned armed = atomic_exchange(&call->armed, 0);
    if (armed == 0)
        return;
    atomic_store(&call->remover, fini__platform_thread());
    __cxa_finalize(&call->owner);
    if (!call->was_there && armed == ARMED)
        exit_call_wait(call);
    __cxa_finalize(&call->returned_owner);
}

static struct exit_call early, resume;

/* Before main has begun the handler would be older than the loader's finalizer, and so too late. */
FINI_NOINLINE bool fini__platform_can_be_early(void)
{
    return !atomic_load(&early.armed) && may_register(FINI_FRAME());
}

void fini__platform_early_exit(void)
{
    exit_call_arm(&early, fini__image_exit_begins);
}

void fini__platform_resume_at_exit(bool on)
{
    if (on && !malloc_may_be_held()) {
        atomic_store(&resume.armed, 0); /* exit() may have taken it, below on this stack */
        exit_call_arm(&resume, fini__image_resume);
    } else if (!on) {
        exit_call_disarm(&resume);
    }
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* The kernel clears this page in a forked child (4.14 and later), which tells more surely than a
 * pid - a child may have its parent's in a namespace of its own - and without a system call. A
 * fork handler an image would tell as well, but each __cxa_finalize searches all of them: with
 * 1000 images exit() took twice as long. */
uintptr_t fini__record_number(void)
{
    static bool tried;
    uintptr_t none = 0;
    if (!tried) {
        tried = true;
        share_process();
    }
    if (!process || !process->forgets)
        return (uintptr_t)syscall(SYS_getpid);
    uintptr_t number = 1 + atomic_fetch_add(&process->numbers, 1);
    _Atomic uintptr_t *place = &fini__self_forgotten()->number;
    return atomic_compare_exchange_strong(place, &none, number) ? number : none;
}

const _Atomic uintptr_t *fini__platform_process_place(void)
{
    fini__platform_process();
    return process && process->forgets ? &fini__self_forgotten()->number : NULL;
}

/* ---- the image's life ------------------------------------------------------------------------ */

static bool at_startup;

/* From the constructor: whoever loads the image from an exit handler that is newer than the mark,
 * shows on the stack that exit() has begun. */
static struct fini__stack_view look_around(const void *frame)
{
    struct fini__stack_view view = {.main_has_begun = !fini__has_loader()};
    if (fini__has_loader())
        view = fini__stack_view_from(frame);
    at_startup = view.startup;
    if (view.exit)
        fini__platform_set_exiting();
    else if (view.main_has_begun)
        set_mark();
    return view;
}

/* A finalizer of ours that opens a library which depends on us makes glibc begin anew. */
FINI_CONSTRUCTOR static void call_loaded(void)
{
    int saved = errno;
    if (constructors_called_from != 0)
        return;
    fini__image_loaded();
    constructors_called_from = look_around(FINI_FRAME()).loader_pc;
    if (constructors_called_from == 0)
        constructors_called_from = fini__stack_caller(FINI_FRAME());
    errno = saved;
}

FINI_DESTRUCTOR static void call_finalize(void)
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
void fini__platform_run_exit_handlers(void)
{
    if (&__dso_handle && __dso_handle)
        __cxa_finalize(__dso_handle);
}

/* __cxa_thread_atexit_impl ends the process when it has no memory for its 32 bytes. It takes them
 * by calloc, which before 2.41 does not look into the cache of small blocks: this one is larger. */
static bool has_memory(void)
{
    void *volatile probe = malloc(2048);
    free(probe);
    return probe != NULL;
}

/* A library that this one depends on may dlclose it from its own, later, finalizer. The loader
 * keeps an image that has thread-local destructors outstanding, and the exiting thread's have all
 * run, so this one stays outstanding. Not by dlopen: see PLATFORMS.md. Not when exit() was called
 * from a signal handler that interrupted malloc: calloc would wait for ever. */
void fini__platform_stay_mapped(void)
{
    static sigset_t anything;
    if (__cxa_thread_atexit_impl && fini__has_loader() && !malloc_may_be_held() && has_memory())
        __cxa_thread_atexit_impl(store, &anything, &anything);
}

void fini__platform_unload(void)
{
    exit_call_disarm(&early);
}

/* ---- what outlives the image ----------------------------------------------------------------- */

/* The image's own constructors can ask before ours has looked for the record. */
static struct process *published_process(void)
{
    fini__platform_process();
    return process && process->published ? process : NULL;
}

/* The keys of another namespace's libc are left with that one. Two images that make the place for
 * them at once leave keys that nobody finds. */
static struct fini__thread_ends *own_libc_ends(void)
{
    static char name[] = "libfini ends 1";
    struct fini__thread_ends *ends = recall_record(bindtextdomain, name);
    if (!ends) {
        ends = fini__platform_map(sizeof *ends);
        if (ends && !publish_record(bindtextdomain, name, ends)) {
            fini__platform_unmap(ends, sizeof *ends);
            ends = NULL;
        }
    }
    return ends;
}

struct fini__thread_ends *fini__record_thread_ends(bool main_libc_ends)
{
    if (!main_libc_ends)
        return own_libc_ends();
    struct process *p = published_process();
    return p ? &p->ends : NULL;
}

struct fini__key_rows *_Atomic *fini__record_key_rows(void)
{
    struct process *p = published_process();
    return p ? &p->key_rows : NULL;
}

void *fini__platform_shared(void)
{
    struct process *p = published_process();
    return p ? (char *)p + SHARED_AT : NULL;
}

bool fini__in_finalizer(const void *frame)
{
    return fini__stack_has_finalizer(frame, constructors_called_from);
}

/* Where the linker puts this image's ELF header, if it is mapped. */
extern const ElfW(Ehdr) __ehdr_start FINI_WEAK __attribute__((visibility("hidden")));

/* A static program can load libraries too, with a loader that has no record of what it loads: to
 * them it looks as if there were none. The kernel says where the program is. */
static bool in_static_program(void)
{
    const ElfW(Ehdr) *header = &__ehdr_start;
    return !header || (uintptr_t)header + header->e_phoff == getauxval(AT_PHDR);
}

/* Linked with -z nodelete it is as good as pinned. */
unsigned fini__platform_traits(void)
{
    struct fini__object own;
    unsigned traits = at_startup ? FINI_AT_STARTUP : 0;
    if (!fini__has_loader())
        return in_static_program() ? FINI_AT_STARTUP | FINI_IN_PROGRAM : 0;
    if (!fini__own_object(&own))
        return traits;
    if (fini__is_program(own.map))
        traits |= FINI_AT_STARTUP | FINI_IN_PROGRAM;
    return fini__is_nodelete(own.map) ? traits | FINI_PINNED : traits;
}

void *fini__platform_map(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void fini__platform_unmap(void *pages, size_t size)
{
    syscall(SYS_munmap, pages, size);
}

static const char *base_name(const char *path)
{
    const char *base = path;
    for (; path && *path; path++)
        if (*path == '/')
            base = path + 1;
    return base;
}

const char *fini__platform_library_name(void)
{
    struct fini__object own;
    const char *name = NULL;
    if (fini__has_loader() && fini__own_object(&own))
        name = fini__soname(own.map);
    return name ? name : base_name(fini__platform_image_name());
}

/* ---- small things ---------------------------------------------------------------------------- */

/* It has the process's own number. */
bool fini__platform_is_forker(void)
{
    return syscall(SYS_gettid) == syscall(SYS_getpid);
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)syscall(SYS_gettid);
}

/* System calls and not libc's functions, here and below: those are cancellation points, and the
 * thread may be inside the loader's lock. */
void fini__platform_pause(unsigned round)
{
    const unsigned yields = 16;
    const struct timespec nap = {.tv_nsec = round < 200 ? 50000 : 1000000};
    if (round < yields)
        syscall(SYS_sched_yield);
    else
        syscall(SYS_nanosleep, &nap, NULL);
}

bool fini__platform_setting(const char *name)
{
    const char *value = secure_getenv(name);
    return value && value[0] == '1' && value[1] == '\0';
}

/* To a pipe that nobody will read, write raises SIGPIPE in this thread: it is taken back. One that
 * was pending before is the host's. The kernel's sets of signals are one word. */
void fini__platform_print(const char *text, size_t length)
{
    static const struct timespec none;
    const uint64_t pipe = UINT64_C(1) << (SIGPIPE - 1);
    uint64_t mask, pending = 0;
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &mask, sizeof mask);
    if (syscall(SYS_write, STDERR_FILENO, text, length) == -1 && errno == EPIPE &&
        !(pending & pipe))
        syscall(SYS_rt_sigtimedwait, &pipe, NULL, &none, sizeof pipe);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

const char *fini__platform_image_name(void)
{
    struct fini__object own;
    if (fini__has_loader() && fini__own_object(&own) && own.map->l_name[0])
        return own.map->l_name;
    return (const char *)getauxval(AT_EXECFN);
}

#else
typedef int fini__glibc_is_not_this_platform;
#endif
