/* SPDX-License-Identifier: MIT
 *
 * What systems that have never been run are asked little about.
 *
 * Decides: one exit mark an image, because there is no place where a process could keep one: libc
 * uses the entry of such a mark once, so that each load leaves some 50 bytes. No early moment in
 * exit(), nothing after a hook that calls exit() itself, no thread values: a key's destructor races
 * with the unload (values.c), and the row of keys that cures it stands on the order in which libc
 * goes through them, which has to be seen to be believed.
 * Leaves to others: when the mark tells something (the file of the system).
 */
#include "select.h"

#ifdef FINI_USES_PLAIN

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "plain.h"
#include "stored.h"

/* ---- who ------------------------------------------------------------------------------------- */

/* Each thread has an errno of its own, at an address of its own (C11, 7.5). Needs no libpthread. */
uintptr_t fini__platform_thread(void)
{
    return (uintptr_t)&errno;
}

uintptr_t fini__platform_process(void)
{
    return (uintptr_t)getpid();
}

const _Atomic uintptr_t *fini__platform_process_place(void)
{
    return NULL;
}

bool fini__platform_alone(void)
{
    return false;
}

bool fini__platform_threads_killed(void)
{
    return false;
}

bool fini__platform_is_forker(void)
{
    return true;
}

bool fini__self_stored(const sigset_t *set)
{
    return *(const volatile unsigned char *)set != 0;
}

/* ---- exit() ---------------------------------------------------------------------------------- */

static struct {
    sigset_t *_Atomic set; /* never freed: another thread's exit() may be about to fill it */
    atomic_bool exiting;
} exit_mark;

/* In parentheses: it is a macro, too, on macOS. */
fini__immortal_fn *fini__immortal(void)
{
    return (fini__immortal_fn *)(void (*)(void))(sigfillset);
}

/* Its owner is the block itself: FreeBSD's __cxa_finalize runs all handlers of the image that holds
 * the owner's address (lib/libc/stdlib/atexit.c). */
void fini__mark_exit(void)
{
    sigset_t *set = fini__platform_allocate(sizeof *set);
    if (!set || __cxa_atexit(fini__immortal(), set, set) != 0)
        return;
    atomic_store(&exit_mark.set, set);
}

void fini__unmark_exit(void)
{
    sigset_t *set = atomic_exchange(&exit_mark.set, NULL);
    if (set && fini__self_stored(set))
        atomic_store(&exit_mark.exiting, true);
    else if (set)
        __cxa_finalize(set);
}

/* In a forked child, too: one that was forked inside exit() takes itself for exiting. */
enum fini__mark fini__exit_mark(void)
{
    const sigset_t *set = atomic_load(&exit_mark.set);
    if (!set)
        return FINI__UNMARKED;
    return fini__self_stored(set) ? FINI__MARK_FILLED : FINI__MARK_CLEAR;
}

bool fini__platform_exiting(void)
{
    return atomic_load_explicit(&exit_mark.exiting, memory_order_relaxed) ||
           fini__exit_mark() == FINI__MARK_FILLED;
}

void fini__platform_set_exiting(void)
{
    atomic_store_explicit(&exit_mark.exiting, true, memory_order_relaxed);
}

void fini__platform_watch_exit(void)
{
}

bool fini__platform_can_be_early(void)
{
    return false;
}

void fini__platform_early_exit(void)
{
}

void fini__platform_resume_at_exit(bool on)
{
    (void)on;
}

struct fini__sight fini__platform_see_around(const void *frame)
{
    (void)frame;
    return (struct fini__sight){.finalizer = false};
}

/* ---- thread values --------------------------------------------------------------------------- */

int fini__platform_values_open(void (*ends)(void *value))
{
    (void)ends;
    return FINI_ENOTSUP;
}

void *fini__platform_values_get(void)
{
    return NULL;
}

int fini__platform_values_set(void *value)
{
    (void)value;
    return FINI_ENOTSUP;
}

void fini__platform_values_close(void)
{
}

#else
typedef int fini__plain_is_not_for_this_platform;
#endif
