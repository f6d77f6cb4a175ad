/* SPDX-License-Identifier: MIT
 *
 * OpenBSD 6.3 and later. Compiled, never run; read in the sources up to 7.x.
 *
 * Decides: an image that the thread which loaded it finalizes, while that thread neither ends nor
 * exits (loader_thread.c), and exit() has not come to a handler that was registered at the load, is
 * told unload. The handler tells of a load inside an exit handler: newer ones are run next
 * (lib/libc/stdlib/atexit.c: restartloop). An image that is loaded by a finalizer inside exit() is
 * not finalized any more: ld.so has dropped the references of dlopen before (libexec/ld.so/
 * loader.c, _dl_dtors; library_subr.c, _dl_unload_dlopen). All others are told exit: in doubt.
 * Leaves to others: nothing about the reason.
 */

/* Capabilities of OpenBSD:
 *
 *   finalized from | `.fini_array`
 *   how the reason is known | the thread that loaded it has not ended, and the mark
 *   told exit in doubt | unloaded by another thread than the one that loaded it, in a forked
 *     child, or while another thread is in exit()
 *   unload at exit | no: exit
 *   `fini_why` outside hooks | no
 *   `fini_exiting` before the own finalizer | from the mark on
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | not seen to
 *   own exit handlers, and hooks, at unload | hooks first
 *   `FINI_ON_EXIT_BEGIN` early | no
 *   hooks left when a hook calls `exit()` | not run
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   `fini_traits` | in the program
 *   `fini_pin`, `fini_hold` | yes, while the file is there
 *   `fini_release`, `fini_hold_for_thread` | `FINI_ENOTSUP`
 *   keepsakes, `fini_generation` | `FINI_ENOTSUP`, 0
 *   thread values | `FINI_ENOTSUP`
 *   workers | yes
 *   gates | yes: an atomic operation each, who waits naps 0.5 ms
 */
#include "select.h"

#ifdef FINI_PLATFORM_OPENBSD

#include <sys/types.h>

#include <pthread.h>
#include <pthread_np.h>
#include <unistd.h>

#include "array.h"
#include "loader_thread.h"
#include "plain.h"
#include "workers.h"

void fini__system_loaded(void)
{
    if (fini__in_program())
        return;
    fini__mark_exit();
    fini__mark_loader_thread();
}

struct fini__sight fini__system_sees(void)
{
    return (struct fini__sight){
        .finalizer = true,
        .by_unload = fini__in_loader_thread() && fini__exit_mark() == FINI__MARK_CLEAR,
        .by_exit = fini__in_program()};
}

unsigned fini__startup_traits(void)
{
    return 0;
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)getthrid();
}

void fini__name_thread(const char *name)
{
    pthread_set_name_np(pthread_self(), name);
}

#else
typedef int fini__openbsd_is_not_this_platform;
#endif
