/* SPDX-License-Identifier: MIT
 *
 * illumos. Compiled, never run; read in the sources of illumos-gate.
 *
 * Decides: the mark is set by images that are loaded after the program has begun: then it is newer
 * than ld.so.1's own handler, and exit() comes to it first. crt1 says so by ___Argv, which it
 * sets right after it has registered that handler (usr/src/lib/crt/common/common-crt.c,
 * _start_crt). A handler that is registered inside exit() runs next (usr/src/lib/libc/port/gen/
 * atexit.c, __cxa_finalize). Where the mark is not set, or filled, the answer is exit, in doubt.
 * What outlives an image is left with libc's text domains (domains.c), which are in libc here.
 * Leaves to others: nothing about the reason.
 *
 * An image's own exit handlers run before its hooks at an unload: ld.so.1 has libc run them, and
 * drop destructors of thread keys, fork and signal handlers that are in the image, before it calls
 * finalizers (usr/src/cmd/sgs/rtld/common/dlfcns.c, remove.c: purge_exit_handlers).
 */

/* Capabilities of illumos:
 *
 *   finalized from | `.fini_array`
 *   how the reason is known | mark, if loaded after main has begun
 *   told exit in doubt | loaded before main; unloaded inside exit()
 *   unload at exit | no: exit
 *   `fini_why` outside hooks | no
 *   `fini_exiting` before the own finalizer | from the mark on, if loaded after main has begun
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | not seen to
 *   own exit handlers, and hooks, at unload | handlers first
 *   `FINI_ON_EXIT_BEGIN` early | no
 *   hooks left when a hook calls `exit()` | not run
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   `fini_traits` | in the program
 *   `fini_pin`, `fini_hold` | yes, while the file is there
 *   `fini_release`, `fini_hold_for_thread` | yes
 *   keepsakes, `fini_generation` | yes, left with text domains
 *   thread values | `FINI_ENOTSUP`
 *   workers | yes
 *   gates | yes: an atomic operation each, who waits naps 0.5 ms
 */
#include "select.h"

#ifdef FINI_PLATFORM_ILLUMOS

#include <pthread.h>

#include "domains.h"
#include "array.h"
#include "pages.h"
#include "plain.h"
#include "workers.h"

/* Defined by crt1, in the program. */
extern char **___Argv FINI_WEAK;

extern __typeof__(pthread_setname_np) pthread_setname_np FINI_WEAK; /* since 2018 */

static char pages_name[] = "libfini pages 1";

static bool program_has_begun(void)
{
    return &___Argv && ___Argv;
}

void fini__system_loaded(void)
{
    if (program_has_begun())
        fini__mark_exit();
}

struct fini__sight fini__system_sees(void)
{
    return (struct fini__sight){.finalizer = true,
                                .by_unload = fini__exit_mark() == FINI__MARK_CLEAR,
                                .by_exit = fini__in_program()};
}

unsigned fini__startup_traits(void)
{
    return 0;
}

void *fini__recall_pages(void)
{
    return fini__domain_recall(bindtextdomain, pages_name);
}

bool fini__publish_pages(void *pages)
{
    return fini__domain_publish(bindtextdomain, pages_name, pages);
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)pthread_self();
}

void fini__name_thread(const char *name)
{
    if (pthread_setname_np)
        pthread_setname_np(pthread_self(), name);
}

#else
typedef int fini__illumos_is_not_this_platform;
#endif
