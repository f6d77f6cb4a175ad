/* SPDX-License-Identifier: MIT
 *
 * musl.
 *
 * Decides: that every finalization is for exit, because dlclose does nothing (ldso/dynlink.c,
 * dlclose: it validates the handle); to run it from an exit handler; where images meet.
 * Leaves to others: everything that is not musl's own (select.h).
 *
 * Facts cited here were read in musl 1.2.3 to 1.2.6, and seen in 1.2.3 where docs says so.
 *
 * Why from an exit handler and not from .fini_array: __libc_exit_fini calls that one with the lock
 * held that fork and dlopen take, up to 1.2.5 with the one of atexit's list too. Where the process
 * has ever had a second thread, a hook that forks or registers an exit handler would never return,
 * nor one that calls exit() in any. In an exit handler all of it works. It is registered by the
 * image's first constructor, so that exit(), last in, first out, comes to it after what the image
 * itself has registered. What the host registered before it loaded the image comes later, and finds
 * the image as it finds its C++ statics: finalized, but there.
 */

/* Capabilities of musl x86-64:
 *
 *   tells unload from exit | nothing is ever unloaded: always exit
 *   unload at exit | does not happen
 *   `fini_why` outside hooks | yes: in finalizer functions
 *   `fini_exiting` before the own finalizer | yes, when exit() has come to the newest image with
 *     libfini
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | yes
 *   `FINI_ON_EXIT_BEGIN` early | yes: as a handler that is registered then; four times
 *   hooks left when a hook calls `exit()` | run in that exit, up to 1.2.5; later libc ends the
 *     process there
 *   own exit handlers before hooks at exit | yes
 *   other exit handlers before hooks at exit | those that are newer than the image
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   threads waiting for a hook sleep | yes
 *   `fini_traits` | `FINI_NEVER_UNLOADS`; `FINI_AT_STARTUP` as long as nothing has been dlopened
 *   `fini_pin`, `fini_hold` | yes: always `FINI_OK`
 *   `fini_release`, `fini_hold_for_thread` | yes
 *   keepsakes | yes
 *   `fini_generation` | yes; opened again it is the same copy: 1
 *   thread values | yes, also in a static program; one thread key an image
 *   workers | yes, also in a static program
 *   gates | as on glibc
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_MUSL

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "../platform.h"
#include "domains.h"
#include "record.h"
#include "self.h"
#include "workers.h"

/* A static program has none of these unless it asks for them itself: it has no library to meet. */
extern __typeof__(bindtextdomain) bindtextdomain FINI_WEAK;
extern __typeof__(dladdr) dladdr FINI_WEAK;
extern __typeof__(dl_iterate_phdr) dl_iterate_phdr FINI_WEAK;

/* Where the linker puts this image's ELF header, if it is mapped, and its dynamic section. */
extern const ElfW(Ehdr) __ehdr_start FINI_WEAK __attribute__((visibility("hidden")));
extern const ElfW(Dyn) _DYNAMIC[] FINI_WEAK __attribute__((visibility("hidden")));

static int note_loads(struct dl_phdr_info *info, size_t size, void *ret)
{
    (void)size;
    *(bool *)ret = info->dlpi_adds != 0;
    return 1;
}

/* dlopen counts what it has opened before it calls constructors (gencnt); start-up is not counted.
 * So a library whose constructor sees nothing counted was there at start-up. Of one that comes
 * after a constructor which calls dlopen there is no telling. */
static bool loaded_at_startup(void)
{
    bool any_loads = false;
    if (dl_iterate_phdr)
        dl_iterate_phdr(note_loads, &any_loads);
    return !any_loads;
}

static bool at_startup;

/* ---- exit ------------------------------------------------------------------------------------ */

static struct {
    atomic_bool registered, begun; /* our exit handler */
    _Atomic unsigned early;        /* how many handlers for early hooks */
    bool by_handler; /* begun by it, and not by .fini_array */
    bool resumes;
    _Atomic uintptr_t thread; /* that of exit(), from our exit handler on */
} ended;

static void finalize_once(const void *frame)
{
    if (atomic_exchange(&ended.begun, true))
        return;
    atomic_store(&ended.thread, fini__platform_thread());
    fini__image_finalize(frame);
}

FINI_NOINLINE static void exit_comes(void)
{
    ended.by_handler = true;
    finalize_once(FINI_FRAME());
}

/* In fini_add again, where there was no memory for it in the constructor. */
void fini__record_mark(void)
{
    if (!atomic_exchange(&ended.registered, true) && atexit(exit_comes) != 0)
        atomic_store(&ended.registered, false);
    else
        atomic_store(&fini__self_forgotten()->marked, 1);
}

FINI_CONSTRUCTOR static void call_loaded(void)
{
    int saved = errno;
    at_startup = loaded_at_startup();
    fini__image_loaded();
    fini__record_mark();
    errno = saved;
}

/* Where our exit handler could not be registered. Up to 1.2.5 also of a second thread that exits,
 * while the first is in our exit handler. */
FINI_DESTRUCTOR static void call_finalize(void)
{
    finalize_once(FINI_FRAME());
    atomic_store(&ended.thread, fini__platform_thread());
}

struct fini__sight fini__platform_see(const void *frame)
{
    (void)frame;
    return (struct fini__sight){.finalizer = true, .by_exit = true};
}

/* When our exit handler has returned, all that exit() still calls in this image is its finalizers,
 * and what is older than its first constructor. */
struct fini__sight fini__platform_see_around(const void *frame)
{
    (void)frame;
    bool finalizer = atomic_load(&ended.thread) == fini__platform_thread();
    return (struct fini__sight){.finalizer = finalizer, .by_exit = true};
}

/* Each later one is earlier in exit(): so of a library that adds such hooks at file scope and in
 * main, those of main count. Few, because libc's list only grows. */
enum { EARLY_MOST = 4 };

bool fini__platform_can_be_early(void)
{
    return atomic_load(&ended.early) < EARLY_MOST;
}

/* Of several threads that exit, one. What it leaves out runs later, with the others. */
static void exit_begins(void)
{
    static atomic_bool inside;
    if (atomic_exchange(&inside, true))
        return;
    fini__image_exit_begins();
    atomic_store(&inside, false);
}

void fini__platform_early_exit(void)
{
    if (atomic_fetch_add(&ended.early, 1) >= EARLY_MOST || atexit(exit_begins) != 0)
        atomic_fetch_sub(&ended.early, 1);
}

static void resume(void)
{
    if (ended.resumes)
        fini__image_resume();
}

/* Up to 1.2.5 exit() may be called in an exit handler, and calls those that are left. Later it
 * ends the process there (src/exit/exit.c, a_crash). From .fini_array it hangs (ldso/dynlink.c,
 * init_fini_lock), and so may atexit. */
void fini__platform_resume_at_exit(bool on)
{
    ended.resumes = on && ended.by_handler && atexit(resume) == 0;
}

/* exit() has run them: all are newer than ours. */
void fini__platform_run_exit_handlers(void)
{
}

void fini__platform_stay_mapped(void)
{
}

void fini__platform_unload(void)
{
}

/* ---- where images meet ----------------------------------------------------------------------- */

static char record_name[] = "libfini musl 1"; /* not const: on a page that is touched anyway */

/* Unlike other loaders musl's holds no lock while it calls constructors (do_init_fini), so that two
 * images may make a record at once. There is no lock that both know but the kernel's: a page of
 * address space, below all that is usually mapped, which is given to one of them. Who cannot get it
 * for a while goes on without. */
static void *const making = (void *)0x155000;
enum { PAGE = 4096, TRIES = 200 };

static bool begin_making(void)
{
    void *page = mmap(making, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != making && page != MAP_FAILED)
        fini__platform_unmap(page, PAGE);
    return page == making;
}

static bool is_making;

struct fini__record *fini__record_recall(void)
{
    if (!bindtextdomain)
        return NULL;
    struct fini__record *found = fini__domain_recall(bindtextdomain, record_name);
    for (unsigned round = 0; !found && !is_making && round < TRIES; round++) {
        is_making = begin_making();
        found = fini__domain_recall(bindtextdomain, record_name);
        if (!found && !is_making)
            fini__platform_pause(round);
    }
    if (found && is_making)
        fini__platform_unmap(making, PAGE);
    return found;
}

/* A static program has one image. */
bool fini__record_publish(struct fini__record *record)
{
    bool published = !bindtextdomain || fini__domain_publish(bindtextdomain, record_name, record);
    if (is_making)
        fini__platform_unmap(making, PAGE);
    return published;
}

void fini__record_use(struct fini__record *record)
{
    (void)record;
}

/* ---- this image ------------------------------------------------------------------------------ */

static const ElfW(Phdr) *own_segments(void)
{
    const ElfW(Ehdr) *header = &__ehdr_start;
    return header ? (const ElfW(Phdr) *)((uintptr_t)header + header->e_phoff) : NULL;
}

/* The kernel says where the program's are. */
static bool in_program(void)
{
    const ElfW(Phdr) *segments = own_segments();
    return segments && (uintptr_t)segments == getauxval(AT_PHDR);
}

unsigned fini__platform_traits(void)
{
    if (in_program())
        return FINI_NEVER_UNLOADS | FINI_AT_STARTUP | FINI_IN_PROGRAM;
    return at_startup ? FINI_NEVER_UNLOADS | FINI_AT_STARTUP : FINI_NEVER_UNLOADS;
}

static const ElfW(Dyn) *dynamic_entry(ElfW(Sxword) tag)
{
    const ElfW(Dyn) *entry = _DYNAMIC;
    while (entry && entry->d_tag != tag)
        entry = entry->d_tag == DT_NULL ? NULL : entry + 1;
    return entry;
}

/* How far the image is from where it was linked to be. musl leaves its dynamic section alone. */
static bool find_bias(uintptr_t *ret)
{
    const ElfW(Phdr) *segment = own_segments();
    unsigned left = segment ? __ehdr_start.e_phnum : 0;
    while (left > 0 && segment->p_type != PT_DYNAMIC)
        left--, segment++;
    if (left > 0)
        *ret = (uintptr_t)_DYNAMIC - segment->p_vaddr;
    return left > 0;
}

static const char *own_soname(void)
{
    const ElfW(Dyn) *name = dynamic_entry(DT_SONAME), *strings = dynamic_entry(DT_STRTAB);
    uintptr_t bias;
    bool found = name && strings && find_bias(&bias);
    return found ? (const char *)(bias + strings->d_un.d_ptr + name->d_un.d_val) : NULL;
}

const char *fini__platform_image_name(void)
{
    Dl_info info;
    if (dladdr && dladdr((void *)&at_startup, &info) && info.dli_fname && info.dli_fname[0])
        return info.dli_fname;
    return (const char *)getauxval(AT_EXECFN);
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
    const char *name = own_soname();
    return name ? name : base_name(fini__platform_image_name());
}

/* ---- staying mapped: it does ----------------------------------------------------------------- */

int fini__platform_refer(void **ret)
{
    *ret = NULL;
    return FINI_OK;
}

int fini__platform_unrefer_later(void *reference)
{
    (void)reference;
    return FINI_OK;
}

int fini__platform_refer_for_thread(void)
{
    return FINI_OK;
}

/* ---- threads of the image's own -------------------------------------------------------------- */

/* To join a thread that has ended is a cancellation point (src/thread/pthread_join.c). */
static int try_join(pthread_t thread, void **ret)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    int error = pthread_tryjoin_np(thread, ret);
    pthread_setcancelstate(cancel_state, NULL);
    return error;
}

/* By reference, so that a static program has them. */
const struct fini__thread_calls *fini__thread_calls(void)
{
    static const struct fini__thread_calls calls = {pthread_create, try_join, pthread_detach,
                                                    pthread_sigmask};
    return &calls;
}

void fini__leave_out_signal(sigset_t *set, int signal)
{
    sigdelset(set, signal);
}

/* No thread's end waits for a loader that unloads. */
struct fini__leaving fini__prepare_leaving(void)
{
    return (struct fini__leaving){0, NULL};
}

void fini__note_leaving(const struct fini__leaving *leaving, sigset_t *set)
{
    (void)leaving, (void)set;
}

#else
typedef int fini__musl_is_not_this_platform;
#endif
