/* SPDX-License-Identifier: MIT
 *
 * FreeBSD 12 and later. Compiled, never run; read in the sources of FreeBSD 14.
 *
 * Decides: an image that was not opened by dlopen stays, and is told exit (libexec/rtld-elf/rtld.c,
 * _rtld_is_dlopened). One that the thread which loaded it finalizes, while that thread neither ends
 * nor exits, is told unload (loader_thread.c). All others are told exit: in doubt.
 * Leaves to others: nothing about the reason.
 *
 * What stays open: rtld drops its lock around finalizers, and in exit() it takes no references
 * (objlist_call_fini, rtld_exit), so that a later finalizer's dlclose can unmap an image that was
 * told exit; it cannot be referred to any more by then (`doomed`).
 */

/* Capabilities of FreeBSD:
 *
 *   finalized from | `.fini_array`
 *   how the reason is known | the thread that loaded it has not ended
 *   told exit in doubt | unloaded by another thread than the one that loaded it, in a forked
 *     child, or inside exit()
 *   unload at exit | while another thread is in exit()
 *   `fini_why` outside hooks | no
 *   `fini_exiting` before the own finalizer | from the mark on, if opened
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | not seen to
 *   own exit handlers, and hooks, at unload | hooks first
 *   `FINI_ON_EXIT_BEGIN` early | no
 *   hooks left when a hook calls `exit()` | not run
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   `fini_traits` | at start-up, in the program
 *   `fini_pin`, `fini_hold` | yes, while the file is there
 *   `fini_release`, `fini_hold_for_thread` | `FINI_ENOTSUP`
 *   keepsakes, `fini_generation` | `FINI_ENOTSUP`, 0
 *   thread values | `FINI_ENOTSUP`
 *   workers | yes
 *   gates | yes: an atomic operation each, who waits naps 0.5 ms
 */
#include "select.h"

#ifdef FINI_PLATFORM_FREEBSD

#include <sys/types.h>

#include <link.h>
#include <pthread.h>
#include <pthread_np.h>
#include <stdatomic.h>

#include "array.h"
#include "loader_thread.h"
#include "plain.h"
#include "workers.h"

/* Exported by rtld (libexec/rtld-elf/Symbol.map); no header declares it. Of any address in an
 * image; -1: of none. Not in a static program. */
extern int _rtld_is_dlopened(void *inside) FINI_WEAK;

enum how { AT_STARTUP, OPENED, NOT_KNOWN = -1 };

static enum how how_loaded(void)
{
    static char inside;
    return _rtld_is_dlopened ? (enum how)_rtld_is_dlopened(&inside) : NOT_KNOWN;
}

static void note_call(void *called)
{
    atomic_store((atomic_bool *)called, true);
}

/* __cxa_finalize(d) also runs handlers of other owners whose function is in the image that holds
 * d, but not once exit() has begun (lib/libc/stdlib/atexit.c: global_exit). Where it runs none such
 * at all, the answer is yes, for safety. In the first constructor of the image there are no others
 * that it could run. */
static bool exit_has_begun(void)
{
    static char own, other;
    static atomic_bool called;
    if (__cxa_atexit(note_call, &called, &other) != 0)
        return true;
    __cxa_finalize(&own);
    if (atomic_load(&called))
        return false;
    __cxa_finalize(&other);
    return true;
}

void fini__system_loaded(void)
{
    if (how_loaded() != OPENED || exit_has_begun())
        return;
    fini__mark_exit();
    fini__mark_loader_thread();
}

struct fini__sight fini__system_sees(void)
{
    return (struct fini__sight){.finalizer = true,
                                .by_unload = fini__in_loader_thread(),
                                .by_exit = how_loaded() == AT_STARTUP,
                                .exit_around = fini__platform_exiting()};
}

unsigned fini__startup_traits(void)
{
    return how_loaded() == AT_STARTUP ? FINI_AT_STARTUP : 0;
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)pthread_getthreadid_np();
}

void fini__name_thread(const char *name)
{
    pthread_set_name_np(pthread_self(), name);
}

#else
typedef int fini__freebsd_is_not_this_platform;
#endif
