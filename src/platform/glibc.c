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

/* Capabilities of glibc (1):
 *
 *   tells unload from exit | yes
 *   unload at exit | yes
 *   `fini_why` outside hooks | yes: in finalizer functions
 *   `fini_exiting` before the own finalizer | yes, from the mark on
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | yes
 *   `FINI_ON_EXIT_BEGIN` early | yes, where added after main has begun
 *   hooks left when a hook calls `exit()` | run in that exit
 *   own exit handlers before hooks at exit | yes, also in start-up libraries
 *   other exit handlers before hooks at exit | all
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   threads waiting for a hook sleep | yes
 *   `fini_traits` | yes; unique symbols and pending destructors are not seen
 *   `fini_pin`, `fini_hold` | yes
 *   `fini_release`, `fini_hold_for_thread` | yes; before glibc 2.34 not in threads that a dlmopen
 *     namespace has started
 *   keepsakes | yes, one set for all dlmopen namespaces
 *   `fini_generation` | yes
 *   thread values | yes; not in a dlmopen namespace, nor in a static program
 *   workers | yes; in a static program where pthread_create and what goes with it are linked in;
 *     in a dlmopen namespace from glibc 2.34 on
 *   gates | yes; entering is one nanosecond where the kernel has membarrier (4.14)
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "../platform.h"
#include "domains.h"
#include "entry.h"
#include "exit_calls.h"
#include "objects.h"
#include "record.h"
#include "references.h"
#include "self.h"
#include "stack.h"
#include "values.h"

/* Exported by libc for compilers; no header declares it. */
extern int __cxa_thread_atexit_impl(fini__handler_fn *fn, void *arg, void *image) FINI_WEAK;
/* From crtbegin.o, unless linked with -nostartfiles. */
extern void *__dso_handle FINI_WEAK __attribute__((visibility("hidden")));

extern __typeof__(bindtextdomain) bindtextdomain FINI_WEAK;
/* Before 2.34 a static program without libpthread has none. */
extern __typeof__(pthread_setcancelstate) pthread_setcancelstate FINI_WEAK;

/* A function of libc that only stores, so that libc may call it whatever has become of us. */
static fini__handler_fn *const store = (fini__handler_fn *)(void (*)(void))sigfillset;

/* ---- one record a process -------------------------------------------------------------------- */

/* What images share on glibc. A change of the layout (of union frame, too) changes the name. One
 * exit mark a process and not one an image, because libc reuses the slot of an unregistered handler
 * only at the end of its list: overlapped reloads would leak 33 bytes each. */
struct process {
    struct fini__record begin;
    struct fini__thread_ends ends;
    struct fini__stack_memory stack;
    struct fini__key_rows *_Atomic key_rows;
    atomic_bool has_mark; /* registered by a process of this line of descent; lasts through fork */
};

static char process_name[] = "libfini process 4"; /* not const: on a page that is touched anyway */

/* ---- why ------------------------------------------------------------------------------------- */

/* Where the walk finds no cause, because libc has no unwind tables. Once the mark is set, exit()
 * fills it before any finalizer; or exit() had begun before it was set, and then its return address
 * is on the stack. */
static bool mark_says_unload(const struct fini__stack_view *view)
{
    const struct process *p = (const struct process *)(void *)fini__record();
    return view->lost && !view->exit && !fini__platform_exiting() && p &&
           atomic_load(&p->has_mark);
}

static struct fini__sight sight_of(struct fini__stack_view view)
{
    bool by_mark = FINI__LIBC_LACKS_TABLES && mark_says_unload(&view);
    return (struct fini__sight){.finalizer = view.finalizer,
                                .by_unload = view.by_unload || by_mark,
                                .by_exit = view.by_exit,
                                .exit_around = view.exit || fini__platform_exiting()};
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

FINI_NOINLINE struct fini__sight fini__platform_see(const void *frame)
{
    if (!fini__has_loader() && in_static_program())
        return (struct fini__sight){.finalizer = true, .by_exit = true};
    struct fini__stack_view view = fini__stack_view_from(frame);
    struct fini__sight sight = sight_of(view);
    sight.blind = (FINI__LIBC_LACKS_TABLES && view.lost) || !fini__stack_leads_out(FINI_FRAME());
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

typedef __typeof__(__cxa_atexit) atexit_fn;

/* In a namespace made by dlmopen libc is a second copy, which can go, and whose exit() is not the
 * program's: the record and the mark are left with the program's. */
struct libc {
    fini__bind_fn *bind;
    atexit_fn *atexit;
    fini__handler_fn *store;
};

static struct libc main_libc(void)
{
    if (!fini__has_loader())
        return (struct libc){NULL, __cxa_atexit, store};
    if (fini__in_main_namespace())
        return (struct libc){bindtextdomain, __cxa_atexit, store};
    return (struct libc){(fini__bind_fn *)fini__main_code("bindtextdomain"),
                         (atexit_fn *)fini__main_code("__cxa_atexit"),
                         (fini__handler_fn *)fini__main_code("sigfillset")};
}

/* Who finds none has the turn to make one. */
struct fini__record *fini__record_recall(void)
{
    fini__bind_fn *bind = main_libc().bind;
    struct fini__record *found = fini__domain_recall(bind, process_name);
    if (found || fini__platform_alone())
        return found;
    fini__domain_take_turn(bind, fini__platform_is_forker());
    return fini__domain_recall(bind, process_name);
}

bool fini__record_publish(struct fini__record *made)
{
    fini__bind_fn *bind = main_libc().bind;
    bool published = !fini__has_loader() || fini__domain_publish(bind, process_name, made);
    if (!fini__platform_alone())
        fini__domain_end_turn(bind, fini__platform_is_forker());
    return published;
}

void fini__record_use(struct fini__record *found)
{
    _Static_assert(sizeof(struct process) <= FINI__RECORD_SHARED_AT, "what is shared begins early");
    fini__stack_remember_in(&((struct process *)(void *)found)->stack);
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
    if (!fini__record() ||
        !atomic_compare_exchange_strong(&fini__self_forgotten()->marked, &unmarked, 1))
        return;
    struct libc libc = main_libc();
    if (!libc.atexit || !libc.store ||
        libc.atexit(fini__has_loader() ? libc.store : note_exit, &fini__self_forgotten()->mark,
                    &fini__self_forgotten()->mark) != 0)
        atomic_store(&fini__self_forgotten()->marked, 0);
    else if (FINI__LIBC_LACKS_TABLES)
        atomic_store(&((struct process *)(void *)fini__record())->has_mark, true);
}

/* A start-up constructor runs before libc registers the loader's finalizer: a handler registered
 * there is reached after all finalizers, too late. */
static bool may_register(const void *frame)
{
    return !fini__has_loader() || fini__stack_main_has_begun(fini__stack_view_from(frame));
}

FINI_NOINLINE void fini__record_mark(void)
{
    if (may_register(FINI_FRAME()))
        set_mark();
}

/* ---- called by exit() ------------------------------------------------------------------------ */

static struct fini__exit_call early, resume;

/* Before main has begun the handler would be older than the loader's finalizer, and so too late. */
FINI_NOINLINE bool fini__platform_can_be_early(void)
{
    return !atomic_load(&early.armed) && may_register(FINI_FRAME());
}

void fini__platform_early_exit(void)
{
    fini__exit_call_arm(&early, fini__image_exit_begins);
}

void fini__platform_resume_at_exit(bool on)
{
    if (on && !malloc_may_be_held()) {
        atomic_store(&resume.armed, 0); /* exit() may have taken it, below on this stack */
        fini__exit_call_arm(&resume, fini__image_resume);
    } else if (!on) {
        fini__exit_call_disarm(&resume);
    }
}

/* ---- the image's life ------------------------------------------------------------------------ */

static bool at_startup;

/* From the constructor: whoever loads the image from an exit handler that is newer than the mark,
 * shows on the stack that exit() has begun. */
static struct fini__stack_view look_around(const void *frame)
{
    bool loader = fini__has_loader(), marked = atomic_load(&fini__self_forgotten()->marked) != 0;
    struct fini__stack_view view = {.exit = false};
    if (loader)
        view = fini__stack_view_from(frame);
    at_startup = view.startup;
    if (view.exit)
        fini__platform_set_exiting();
    else if (!marked && (!loader || fini__stack_main_has_begun(view)))
        set_mark();
    return view;
}

/* A finalizer of ours that opens a library which depends on us makes glibc begin anew. */
static void be_loaded(const void *frame)
{
    int saved = errno;
    if (constructors_called_from != 0)
        return;
    fini__image_loaded();
    constructors_called_from = look_around(frame).loader_pc;
    if (constructors_called_from == 0)
        constructors_called_from = fini__stack_caller(frame);
    fini__note_own_object();
    errno = saved;
}

static void be_finalized(const void *frame)
{
    int cancel_state;
    /* A hook that is cancelled in dlclose would leave the loader's lock locked for ever. */
    if (pthread_setcancelstate)
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    fini__image_finalize(frame);
    if (pthread_setcancelstate)
        pthread_setcancelstate(cancel_state, NULL);
}

FINI__ENTRIES(be_loaded, be_finalized);

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
    fini__exit_call_disarm(&early);
}

/* ---- what outlives the image ----------------------------------------------------------------- */

/* The keys of another namespace's libc are left with that one. Two images that make the place for
 * them at once leave keys that nobody finds. */
static struct fini__thread_ends *own_libc_ends(void)
{
    static char name[] = "libfini ends 2";
    struct fini__thread_ends *ends = fini__domain_recall(bindtextdomain, name);
    if (!ends) {
        ends = fini__platform_map(sizeof *ends);
        if (ends && !fini__domain_publish(bindtextdomain, name, ends)) {
            fini__platform_unmap(ends, sizeof *ends);
            ends = NULL;
        }
    }
    return ends;
}

static struct process *published_process(void)
{
    return (struct process *)(void *)fini__record_published();
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

bool fini__in_finalizer(const void *frame)
{
    return fini__stack_has_finalizer(frame, constructors_called_from);
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
