/* SPDX-License-Identifier: MIT
 *
 * The platform page: everything libfini asks of a system. Each file in platform/ implements all
 * of it for one system, and selects itself by one outer #if. To port libfini, write one more.
 *
 * Decides: what a platform must answer, and what it may assume.
 * Leaves to others: what the answers mean (reason.c), and what to do then (image.c, hooks.c,
 * gate.c).
 */
#ifndef FINI_PLATFORM_H
#define FINI_PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "platform/processor.h" /* FINI_FRAME() */

/* ---- what the platform calls ----------------------------------------------------------------- */

/* Once, from the image's first constructor. */
FINI_INTERNAL void fini__image_loaded(void);

/* Once, from the image's finalizer. `frame` is the frame address of the function that the loader
 * called. Also without fini__image_loaded before it: exit() may come first. */
FINI_INTERNAL void fini__image_finalize(const void *frame);

/* From a handler that the platform could place early in exit(); see fini__platform_early_exit. */
FINI_INTERNAL void fini__image_exit_begins(void);

/* From a handler that exit() runs after the finalizer was left by a call of exit(); see
 * fini__platform_resume_at_exit. Once or not at all. */
FINI_INTERNAL void fini__image_resume(void);

/* ---- why ------------------------------------------------------------------------------------- */

/* What can be seen of how control came here. */
struct fini__sight {
    bool finalizer;   /* a finalizer of this image is on the stack */
    bool by_unload;   /* the innermost cause is an unload */
    bool by_exit;     /* the innermost cause is exit() */
    bool exit_around; /* exit() is further out, or known to have begun */
    bool blind;       /* seen by the finalizer that the platform calls, but by no other code */
};

/* For the finalizer whose frame address is `frame`. */
FINI_INTERNAL struct fini__sight fini__platform_see(const void *frame);

/* The same for any code: nothing is seen unless a finalizer function of this image is on the
 * stack. `frame` is the caller's own frame address. */
FINI_INTERNAL struct fini__sight fini__platform_see_around(const void *frame);

/* exit() is known to have begun. Wait-free, async-signal-safe. */
FINI_INTERNAL bool fini__platform_exiting(void);

/* Have the function above say so as soon as it can. Cheap once that is arranged. */
FINI_INTERNAL void fini__platform_watch_exit(void);

/* From now on fini__platform_exiting says so, in every image that shares the answer. */
FINI_INTERNAL void fini__platform_set_exiting(void);

/* A number of this process: not 0, not ~0, another one in a forked child and in its children, and
 * where the function below says yes. Cheap, async-signal-safe. */
FINI_INTERNAL uintptr_t fini__platform_process(void);

/* The process exits, and the system has killed all threads but this one, wherever they were: none
 * can be waited for, and what they held is nobody's. Cheap, async-signal-safe. */
FINI_INTERNAL bool fini__platform_threads_killed(void);

/* ---- the image's life ------------------------------------------------------------------------ */

/* Have fini__image_exit_begins called early in exit(). Only where the first has just said that it
 * can be arranged, and need be; not while the image is finalized. The first may wait for the
 * loader, the second not. */
FINI_INTERNAL bool fini__platform_can_be_early(void);
FINI_INTERNAL void fini__platform_early_exit(void);

/* At FINI_EXIT: run what the image itself registered with atexit and has not run yet. */
FINI_INTERNAL void fini__platform_run_exit_handlers(void);

/* At FINI_EXIT: nothing that other finalizers do may unmap the image any more. */
FINI_INTERNAL void fini__platform_stay_mapped(void);

/* Around the running of hooks: if one of them calls exit(), have fini__image_resume called. */
FINI_INTERNAL void fini__platform_resume_at_exit(bool on);

/* At unload, before any hook: take back what the functions above have left with libc, and wait
 * for another thread that is inside fini__image_exit_begins. */
FINI_INTERNAL void fini__platform_unload(void);

/* ---- staying mapped, and what outlives the image --------------------------------------------- */

/* FINI_AT_STARTUP, FINI_IN_PROGRAM, FINI_NEVER_UNLOADS; FINI_PINNED if it was linked so. */
FINI_INTERNAL unsigned fini__platform_traits(void);

/* FINI_OK: this image is referred to once more, and stays. Not from a finalizer. `ret` may be NULL,
 * where there is nothing to refer to. */
FINI_INTERNAL int fini__platform_refer(void **ret);

/* The reference ends when the calling thread has ended, by no code of the image. The second makes
 * one for this thread, unless it has one. On failure nothing has changed. */
FINI_INTERNAL int fini__platform_unrefer_later(void *reference);
FINI_INTERNAL int fini__platform_refer_for_thread(void);

/* Memory that all copies of libfini in this process share, zero at first; NULL: there is none. */
enum { FINI__SHARED_SIZE = 72 * 1024 };
FINI_INTERNAL void *fini__platform_shared(void);

/* Zeroed pages that outlive the image; NULL: no memory. */
FINI_INTERNAL void *fini__platform_map(size_t size);
FINI_INTERNAL void fini__platform_unmap(void *pages, size_t size);

/* Soname or file name of this image; NULL: not known. */
FINI_INTERNAL const char *fini__platform_library_name(void);

/* ---- thread values --------------------------------------------------------------------------- */

/* One pointer for each thread. When a thread ends that has one, `ends` is called with it there, and
 * can still get it; then it has none. Open again after close only. FINI_EAGAIN: none is left. */
FINI_INTERNAL int fini__platform_values_open(void (*ends)(void *value));
FINI_INTERNAL void *fini__platform_values_get(void);
FINI_INTERNAL int fini__platform_values_set(void *value);

/* On return `ends` is not running in another thread and never will. */
FINI_INTERNAL void fini__platform_values_close(void);

/* Zeroed, where leak checkers look; NULL: no memory. */
FINI_INTERNAL void *fini__platform_allocate(size_t size);
FINI_INTERNAL void fini__platform_free(void *memory);

/* ---- threads of the image's own -------------------------------------------------------------- */

/* A thread that calls run(arg), blocks signals but those it causes itself, and is called so by
 * tools of the system. May wait for the loader. FINI_EAGAIN: the system makes none. */
FINI_INTERNAL int fini__platform_thread_start(void (*run)(void *arg), void *arg, const char *name,
                                              void **ret);

/* The thread has ended; `out_is_enough`: or it will never again run code of the image. If so, it is
 * forgotten. */
FINI_INTERNAL bool fini__platform_thread_is_over(void *thread, bool out_is_enough);

/* Forgotten at once: the caller's own, which has returned from `run`. */
FINI_INTERNAL void fini__platform_thread_dismiss(void *thread);

/* In a forked child: one of the parent's, which is not here. */
FINI_INTERNAL void fini__platform_thread_forget(void *thread);

/* ---- small things ---------------------------------------------------------------------------- */

/* Who is calling: never 0, differs between threads that live at the same time, cheap. */
FINI_INTERNAL uintptr_t fini__platform_thread(void);

/* In a forked child: whether the caller is the thread that forked. Others, started there, may have
 * the numbers of threads that only the parent has. */
FINI_INTERNAL bool fini__platform_is_forker(void);

/* Known to be the only thread of the process. Cheap; false where there is no telling. */
FINI_INTERNAL bool fini__platform_alone(void);

/* Who is calling, as a number that tools of the system show. */
FINI_INTERNAL unsigned long fini__platform_thread_number(void);

/* Let other threads run; longer the higher `round` is, from 0. */
FINI_INTERNAL void fini__platform_pause(unsigned round);

/* The environment says NAME=1, and is to be trusted (no set-uid process). */
FINI_INTERNAL bool fini__platform_setting(const char *name);

/* One write to standard error. */
FINI_INTERNAL void fini__platform_print(const char *text, size_t length);

/* The image's file name, for messages; never NULL. */
FINI_INTERNAL const char *fini__platform_image_name(void);

/* ---- gates ----------------------------------------------------------------------------------- */

/* Whether fini__platform_heavy_fence makes a compiler barrier in any other thread as good as a
 * fence. Always the same answer in one process. */
FINI_INTERNAL bool fini__platform_light_fences(void);

/* A fence in the calling thread and, if the function above says so, in every thread of the process
 * at some moment during the call. False: the system refused, and nothing is known. */
FINI_INTERNAL bool fini__platform_heavy_fence(void);

/* Where fini__platform_process stands: always that number, or 0 in a forked child that has not
 * asked for it yet. NULL: there is no such place. */
FINI_INTERNAL const _Atomic uintptr_t *fini__platform_process_place(void);

/* The moment that is so many nanoseconds away, for the function below; negative: never. */
FINI_INTERNAL int64_t fini__platform_deadline(int64_t timeout);

/* Sleep while the word is `seen`, until it is woken, or for no reason. False: it is too late. */
FINI_INTERNAL bool fini__platform_wait(_Atomic uint32_t *word, uint32_t seen, int64_t deadline);

/* Wake all who sleep on the word. Its memory may be gone by then. */
FINI_INTERNAL void fini__platform_wake(_Atomic uint32_t *word);

#endif
