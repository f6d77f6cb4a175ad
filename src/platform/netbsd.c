/* SPDX-License-Identifier: MIT
 *
 * NetBSD 7 and later. Compiled, never run; read in the sources of NetBSD 9.
 *
 * Decides: every finalizer is told exit, in doubt. The mark cannot be believed: at start-up the
 * loader's own handler is registered after constructors have run (lib/csu/common/crt0-common.c,
 * ___start), and nothing tells a constructor whether that is still to come: ld.elf_so sets
 * __progname and environ before (libexec/ld.elf_so/rtld.c, _rtld). The thread that loaded an image
 * (loader_thread.c) is no witness either: when a finalizer inside exit() opens a library, the
 * loader begins anew and finalizes that one too (_rtld_call_fini_functions), and its thread has
 * been through its destructors by then.
 * Leaves to others: everything else: references, workers, gates.
 *
 * An image's own exit handlers run before its hooks at both ends: DT_FINI comes before .fini_array,
 * and that from its beginning (rtld.c, _rtld_call_fini_function).
 */

/* Capabilities of NetBSD:
 *
 *   finalized from | `.fini_array`
 *   how the reason is known | not: always exit
 *   told exit in doubt | at each unload
 *   unload at exit | no: exit
 *   `fini_why` outside hooks | no
 *   `fini_exiting` before the own finalizer | from the mark on
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | not seen to
 *   own exit handlers, and hooks, at unload | handlers first
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

#ifdef FINI_PLATFORM_NETBSD

#include <sys/types.h>

#include <lwp.h>
#include <pthread.h>

#include "array.h"
#include "plain.h"
#include "workers.h"

void fini__system_loaded(void)
{
    if (!fini__in_program())
        fini__mark_exit();
}

struct fini__sight fini__system_sees(void)
{
    return (struct fini__sight){.finalizer = true, .by_exit = fini__in_program()};
}

unsigned fini__startup_traits(void)
{
    return 0;
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)_lwp_self();
}

/* The second is a format of the third. */
void fini__name_thread(const char *name)
{
    static const char as_it_is[] = "%s";
    pthread_setname_np(pthread_self(), as_it_is, (void *)(uintptr_t)name);
}

#else
typedef int fini__netbsd_is_not_this_platform;
#endif
