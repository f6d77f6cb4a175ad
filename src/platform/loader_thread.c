/* SPDX-License-Identifier: MIT
 *
 * Has the thread that loaded this image ended, or called exit()?
 *
 * Decides: to have libc fill a set among the thread's destructors of thread_local objects, which
 * it runs when the thread ends, and which exit() runs before any exit handler: OpenBSD
 * (lib/libc/stdlib/atexit.c, __cxa_finalize calls _thread_finalize first), FreeBSD 12 and later
 * (lib/libc/stdlib/exit.c, __cxa_thread_call_dtors). So the order in which handlers were registered
 * does not matter, which at start-up is the wrong one: crt0 registers the loader's own only after
 * the constructors of libraries have run (OpenBSD lib/libc/dlfcn/init.c, _csu_finish; FreeBSD
 * lib/libc/csu/libc_start1.c).
 *
 * As long as the set is clear that thread neither ends nor exits, and what it finalizes is being
 * unloaded. In any other thread nothing is known. Not for an image that the thread loads inside
 * exit(): there the set would never be filled.
 * Leaves to others: to know that (the file of the system).
 */
#include "select.h"

#ifdef FINI_USES_LOADER_THREAD

#include "loader_thread.h"
#include "plain.h"
#include "stored.h"

/* `image` must be of libc: the loader keeps an image with such destructors (OpenBSD, for ever). */
extern int __cxa_thread_atexit_impl(fini__immortal_fn *fn, void *arg, void *image) FINI_WEAK;

static struct {
    const sigset_t *left; /* never freed: it is filled after the image has gone */
    uintptr_t thread, process;
} loader;

void fini__mark_loader_thread(void)
{
    void *in_libc = (void *)(uintptr_t)fini__immortal();
    sigset_t *set = __cxa_thread_atexit_impl ? fini__platform_allocate(sizeof *set) : NULL;
    if (!set)
        return;
    if (__cxa_thread_atexit_impl(fini__immortal(), set, in_libc) != 0) {
        fini__platform_free(set);
        return;
    }
    loader.thread = fini__platform_thread();
    loader.process = fini__platform_process();
    loader.left = set;
}

/* A later thread can have the same number, but the set is filled by then. In a forked child new
 * threads can have those of threads that are not there. */
bool fini__in_loader_thread(void)
{
    return loader.left && !fini__self_stored(loader.left) &&
           loader.thread == fini__platform_thread() && loader.process == fini__platform_process();
}

#else
typedef int fini__loader_thread_is_not_for_this_platform;
#endif
