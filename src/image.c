/* SPDX-License-Identifier: MIT
 *
 * The life of an image: loaded, finalized once, for a reason.
 *
 * Decides: the order of things at each end, and what exit() from inside a hook means.
 * Leaves to others: why (reason.c), which hooks (hooks.c), how the system calls in (platform.h).
 *
 *   unload   undo what libc knows of us | hooks | unload handler | forget
 *   both     undo what libc knows of us | hooks | exit handler, unload handler | forget
 *   exit     stay mapped, own exit handlers | hooks | exit handler (unload handler: clean exit)
 *   in doubt undo what libc knows of us | hooks for exit | exit handler | forget
 *
 * A hook that calls exit() never returns, and the loader does not call the finalizer a second
 * time. So while hooks run, libc holds an exit handler that goes on with the rest. By then the
 * reason is FINI_EXIT whatever it was: the unload it came from can never be completed.
 */
#include <errno.h>

#include "core.h"

/* An image need not define the two handlers. Hidden, by fini.h: never those of the host. Not weak
 * references: gold resolves one that is hidden to the address of the image, not to NULL. */
FINI_INTERNAL void fini__no_handler(void);
FINI_API void fini_unload_handler(void) FINI_WEAK_ALIAS(fini__no_handler);
FINI_API void fini_exit_handler(void) FINI_WEAK_ALIAS(fini__no_handler);

void fini__no_handler(void)
{
}

/* Where the image was loaded; 0: its constructor has not run. */
static uintptr_t loaded_in;

static struct {
    bool read; /* the environment has been read: */
    bool clean_exit;
    bool trace;
} settings;

/* The finalization under way. Written and read by its thread; `thread` also by another that runs
 * the exit handler and must see that it is not the one: hence atomic, relaxed. */
static struct {
    _Atomic uintptr_t thread;
    _Atomic uintptr_t unloader; /* the thread that unloads the image, or will never end it... */
    fini_reason unload;         /* ... and why */
    unsigned ran;
    bool exit_handler_called, unload_handler_called;
    atomic_bool begun; /* relaxed: whoever asks in another thread is too early or too late anyway */
    bool goes;         /* the image is unmapped when its finalizers have returned */
} ending;

bool fini__image_finalizing(void)
{
    return atomic_load_explicit(&ending.begun, memory_order_relaxed);
}

bool fini__image_goes(void)
{
    return ending.goes;
}

/* The names are not constants: those stand on a page of their own, and one page fault less at each
 * load is worth it. */
static void read_settings(void)
{
    static char clean_exit[] = "FINI_CLEAN_EXIT", trace[] = "FINI_TRACE";
    if (settings.read)
        return;
    settings.clean_exit = fini__platform_setting(clean_exit);
    settings.trace = fini__platform_setting(trace);
    settings.read = true;
}

bool fini__image_traced(void)
{
    return settings.trace;
}

void fini__image_loaded(void)
{
    loaded_in = fini__platform_process();
    read_settings();
    fini__generation_count();
}

static void call_handler(void (*handler)(void), bool *called, fini_reason why)
{
    if (handler == fini__no_handler || *called)
        return;
    *called = true;
    fini__hooks_call(handler, why);
}

static void call_handlers(fini_reason why)
{
    if (why == FINI_EXIT || why == FINI_UNLOAD_AT_EXIT)
        call_handler(fini_exit_handler, &ending.exit_handler_called, why);
    if (why != FINI_EXIT || settings.clean_exit)
        call_handler(fini_unload_handler, &ending.unload_handler_called, why);
}

static bool anything_to_run(void)
{
    return fini__hooks_any() || fini_unload_handler != fini__no_handler ||
           fini_exit_handler != fini__no_handler;
}

static void run_everything(fini_reason why, unsigned moments)
{
    fini__platform_resume_at_exit(true);
    fini__hooks_run(FINI__LANE_FINAL, why, moments, &ending.ran);
    call_handlers(why);
    fini__platform_resume_at_exit(false);
}

/* The image's own exit handlers may add and remove hooks, so the list is sealed after them. */
static void before_exit(unsigned moments)
{
    fini__platform_set_exiting();
    fini__platform_stay_mapped();
    fini__platform_run_exit_handlers();
    fini__hooks_seal(moments);
}

/* What this thread still runs of the image, runs for that reason. */
static void note_unloader(fini_reason why)
{
    ending.unload = why;
    atomic_store_explicit(&ending.unloader, fini__platform_thread(), memory_order_relaxed);
}

/* The list is sealed first, so that nobody arms a handler behind fini__platform_unload. */
static void before_unload(fini_reason why, unsigned moments)
{
    if (why == FINI_UNLOAD_AT_EXIT)
        fini__platform_set_exiting();
    if (why != FINI_EXIT)
        note_unloader(why);
    fini__hooks_seal(moments);
    fini__platform_unload();
}

/* In doubt (FINI_EXIT, but exit() was not seen) the image may go all the same: then nothing of it
 * may stay behind in libc, and nobody may be told that the process exits. */
static void finalize(fini_reason why, bool exit_seen)
{
    unsigned moments = fini__reason_moments(why, settings.clean_exit);
    bool stays = why == FINI_EXIT && exit_seen;
    ending.goes = why != FINI_EXIT;
    if (!stays)
        moments |= FINI__ON_GOING;
    atomic_store_explicit(&ending.thread, fini__platform_thread(), memory_order_relaxed);
    if (stays)
        before_exit(moments);
    else
        before_unload(why, moments);
    if (anything_to_run())
        run_everything(why, moments);
    if (!stays)
        fini__hooks_forget();
    if (settings.trace)
        fini__trace_finalization(why, ending.ran);
    atomic_store_explicit(&ending.thread, 0, memory_order_relaxed);
}

void fini__image_finalize(const void *frame)
{
    int saved = errno;
    atomic_store_explicit(&ending.begun, true, memory_order_relaxed);
    fini__hooks_abandon(); /* an early hook of this thread that has called exit() */
    read_settings();
    struct fini__sight sight = fini__platform_see(frame);
    if (sight.blind)
        note_unloader(fini__reason_of(sight));
    finalize(fini__reason_of(sight), sight.by_exit && !sight.by_unload);
    errno = saved;
}

void fini__image_resume(void)
{
    int saved = errno;
    if (atomic_load_explicit(&ending.thread, memory_order_relaxed) == fini__platform_thread()) {
        /* The finalizer that the hook was called from is never left: this thread stays in it. */
        note_unloader(FINI_EXIT);
        fini__hooks_abandon();
        finalize(FINI_EXIT, true);
    }
    errno = saved;
}

void fini__image_exit_begins(void)
{
    int saved = errno;
    unsigned ran = 0;
    fini__platform_set_exiting();
    fini__hooks_run(FINI__LANE_EARLY, FINI_EXIT, FINI_ON_EXIT_BEGIN, &ran);
    errno = saved;
}

/* What the thread that unloads still runs of the image after our finalizer, runs in another. */
static fini_reason known_why(void)
{
    fini_reason why = fini__hooks_why();
    uintptr_t unloader = atomic_load_explicit(&ending.unloader, memory_order_relaxed);
    if (why == FINI_RUNNING && unloader == fini__platform_thread())
        why = ending.unload;
    return why;
}

FINI_NOINLINE fini_reason fini_why(void)
{
    int saved = errno;
    fini_reason why = known_why();
    if (why == FINI_RUNNING)
        why = fini__reason_of(fini__platform_see_around(FINI_FRAME()));
    errno = saved;
    return why;
}

bool fini_exiting(void)
{
    return fini__platform_exiting();
}

bool fini_forked(void)
{
    return loaded_in != 0 && loaded_in != fini__platform_process() &&
           !fini__platform_threads_killed();
}
