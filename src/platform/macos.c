/* SPDX-License-Identifier: MIT
 *
 * macOS 10.15 and later, x86-64 and arm64. Compiled and linked, never run; read in the sources of
 * dyld-1378, Libc-1725 and libdispatch.
 *
 * Decides: to finalize from an exit handler. There is no loader phase in exit() (Libc, stdlib/
 * FreeBSD/exit.c), and compilers make exit handlers of destructors. dlclose runs those whose owner
 * is in an executable segment of the image (dyld/DyldRuntimeState.cpp, Reaper::finalizeDeadImages;
 * Libc, atexit.c, __cxa_finalize_ranges). The mark is newer than the finalizer, and belongs to
 * nobody: exit() comes to it first, dlclose never. So it is right also for images loaded at
 * start-up and inside exit(). What outlives an image is left with the main queue of libdispatch,
 * which is in libSystem.
 * Leaves to others: nothing about the reason.
 *
 * An image's own exit handlers that are newer run first at both ends; constructors have no order
 * between files but that of the link. A pin is a reference: with RTLD_NODELETE an image stays
 * mapped, but is finalized (removeLoaders). If another thread's dlclose unmaps the image just as
 * exit() is in its finalizer, that crashes, with libfini as without: to wait for each other would
 * be a deadlock where dyld's lock is taken for a reference, too (before RTLD_NOLOAD did without).
 */

/* Capabilities of macOS:
 *
 *   finalized from | an exit handler
 *   how the reason is known | mark, newer than the finalizer
 *   told exit in doubt | never
 *   unload at exit | no: unload
 *   `fini_why` outside hooks | no: running
 *   `fini_exiting` before the own finalizer | from the mark on
 *   `fini_forked` | yes, by the pid
 *   after `FINI_EXIT` the image stays mapped | yes, by a reference
 *   own exit handlers, and hooks, at unload | newer handlers first
 *   `FINI_ON_EXIT_BEGIN` early | no: with `FINI_ON_EXIT`
 *   hooks left when a hook calls `exit()` | not run
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   `fini_traits` | in the program
 *   `fini_pin`, `fini_hold` | yes, while the file is there
 *   `fini_release`, `fini_hold_for_thread` | yes
 *   keepsakes, `fini_generation` | yes, left with the main queue of libdispatch
 *   thread values | `FINI_ENOTSUP`
 *   workers | yes
 *   gates | yes: an atomic operation each, who waits naps 0.5 ms
 */
#include "select.h"

#ifdef FINI_PLATFORM_MACOS

#include <dispatch/dispatch.h>
#include <dlfcn.h>
#include <errno.h>
#include <mach-o/loader.h>
#include <pthread.h>

#include "pages.h"
#include "plain.h"
#include "workers.h"

/* ---- the image's life ------------------------------------------------------------------------ */

/* From the linker: the image's header. dlclose looks only for owners in executable segments. */
extern char __dso_handle[] __attribute__((visibility("hidden")));

static void finalize_image(void *arg)
{
    int cancel_state;
    (void)arg;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    fini__image_finalize(FINI_FRAME());
    fini__forget_leaving();
    pthread_setcancelstate(cancel_state, NULL);
}

FINI_CONSTRUCTOR static void call_loaded(void)
{
    int saved = errno;
    __cxa_atexit(finalize_image, NULL, __dso_handle);
    fini__mark_exit();
    fini__image_loaded();
    errno = saved;
}

/* Without a mark, for want of memory: in doubt. */
struct fini__sight fini__platform_see(const void *frame)
{
    enum fini__mark seen = fini__exit_mark();
    (void)frame;
    return (struct fini__sight){.finalizer = true,
                                .by_unload = seen == FINI__MARK_CLEAR,
                                .by_exit = seen == FINI__MARK_FILLED,
                                .exit_around = fini__platform_exiting()};
}

/* Newer handlers have run; older ones are not ours to hurry. */
void fini__platform_run_exit_handlers(void)
{
}

/* A program that closes its plugins in an older exit handler (or a static destructor) finds this
 * reference. */
void fini__platform_stay_mapped(void)
{
    fini__platform_refer(NULL);
}

void fini__platform_unload(void)
{
    fini__unmark_exit();
}

/* ---- this image ------------------------------------------------------------------------------ */

bool fini__in_program(void)
{
    Dl_info own;
    return fini__find_own_image(&own) && own.dli_fbase &&
           ((const struct mach_header *)own.dli_fbase)->filetype == MH_EXECUTE;
}

/* dyld looks for a loaded image by its path first, so that two never have the same
 * (dyld/Loader.cpp, getLoader). */
bool fini__is_own_handle(void *handle)
{
    return handle != NULL;
}

unsigned fini__startup_traits(void)
{
    return 0;
}

/* ---- what outlives it ------------------------------------------------------------------------ */

/* The key is an address that all images know, and nobody else has a use for. */
static const void *pages_key(void)
{
    return (const char *)(uintptr_t)fini__immortal() + 1;
}

void *fini__recall_pages(void)
{
    return dispatch_queue_get_specific(dispatch_get_main_queue(), pages_key());
}

bool fini__publish_pages(void *pages)
{
    dispatch_queue_set_specific(dispatch_get_main_queue(), pages_key(), pages, NULL);
    return true;
}

/* ---- threads --------------------------------------------------------------------------------- */

unsigned long fini__platform_thread_number(void)
{
    uint64_t number = 0;
    pthread_threadid_np(NULL, &number);
    return (unsigned long)number;
}

void fini__name_thread(const char *name)
{
    pthread_setname_np(name);
}

#else
typedef int fini__macos_is_not_this_platform;
#endif
