/* SPDX-License-Identifier: MIT
 *
 * fini.h - finalizers that know why they run.
 *
 * A shared library is finalized twice over: when it is unloaded (dlclose, FreeLibrary) and when
 * the process exits. At unload it has to give everything back, because its memory goes away. At
 * exit it must not, because other threads may still be inside it. The system calls the same
 * function for both and does not say which. libfini does.
 *
 * How to embed it. Add fini.h and fini.c to your library, fini.c as a file of its own; or link
 * libfini.a. Each image - a shared library, a plugin, or the program - holds one copy of its own:
 * static libraries that end up in one image together should use libfini.a. All symbols are
 * hidden: two images
 * with two versions of libfini live in one process and never meet.
 *
 * Words. An image is one shared library, or the main program. It is finalized once, at the end of
 * its life, for a reason. A hook is a function of the image that runs then.
 *
 * Every function here keeps errno. Calls that can fail return FINI_OK or one of the negative
 * codes below; nothing else has changed when they fail.
 */
#ifndef FINI_H
#define FINI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINI_VERSION "0.1.0"

/* gcc for Windows has no such attribute: there fini.c tells the linker. clang ignores it there, or
 * tells the linker itself (16 and later). */
#if defined(__clang__) || (defined(__GNUC__) && !defined(_WIN32) && !defined(__CYGWIN__))
#define FINI_API __attribute__((visibility("hidden")))
#else
#define FINI_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ------------------------------------------------------------------------------- */

/* One row an error: name, value, and what fini_strerror says. */
#define FINI_ERRORS(X)                                                        \
    X(FINI_OK, 0, "success")                                                  \
    X(FINI_EINVAL, -1, "invalid argument")                                    \
    X(FINI_EBUSY, -2, "in use: already added, or running now")                \
    X(FINI_ENOTSUP, -3, "not supported on this platform")                     \
    X(FINI_ETIMEDOUT, -4, "timed out")                                        \
    X(FINI_EDEADLK, -5, "the caller would wait for itself")                   \
    X(FINI_ENOMEM, -6, "out of memory")                                       \
    X(FINI_EAGAIN, -7, "a system limit is reached")                           \
    X(FINI_ERANGE, -8, "too large")                                           \
    X(FINI_EFINALIZING, -9, "too late: finalization has begun")               \
    X(FINI_ENOENT, -10, "not there")                                          \
    X(FINI_ESYSTEM, -11, "the system refused")

#define FINI__ERROR_VALUE(name, value, text) name = (value),
enum fini_error { FINI_ERRORS(FINI__ERROR_VALUE) FINI__ERROR_END = 1 };
#undef FINI__ERROR_VALUE

/* The text of an error, in English, never NULL; "unknown error" for any other number. The text is
 * part of the image and goes with it. Any thread, any context, signal handlers included. */
FINI_API const char *fini_strerror(int error);

/* ---- reasons ------------------------------------------------------------------------------ */

typedef enum fini_reason {
    FINI_RUNNING = 0,        /* not being finalized */
    FINI_UNLOAD = 1,         /* the image goes away; the process goes on */
    FINI_UNLOAD_AT_EXIT = 2, /* the image goes away while the process is exiting */
    FINI_EXIT = 3,           /* the process exits; the image stays mapped; other threads may run */
    FINI_THREAD_EXIT = 4     /* for thread values: this thread ends, the image stays */
} fini_reason;

/* Why the calling thread is finalizing this image.
 *
 * Right inside hooks, inside the two predefined handlers, and inside any other finalizer function
 * of the image (destructor attribute, .fini_array) and what it calls, whatever the link order.
 * Everywhere else - ordinary code, constructors, every other thread - it answers FINI_RUNNING.
 *
 * The image's own exit handlers and C++ static destructors: exit() itself calls them, before it
 * finalizes any image, and they are told FINI_RUNNING. At unload, and at exit in a library loaded
 * at start-up, a finalizer function calls them, and they are told the reason. So an exit handler
 * can tell an unload; it cannot tell an exit from FINI_RUNNING.
 *
 * Where the platform cannot tell, a finalizer is told FINI_EXIT: a leak is safer than a crash.
 *
 * Cost: in a hook, a short lock; elsewhere a walk up the stack, some microseconds: not for hot
 * paths. Not for signal handlers. Limits: the walk goes at most 256 frames up. In an image without
 * unwind tables, on glibc, it looks through 128 words of stack instead. A destructor whose locals
 * are larger may then be told FINI_RUNNING, and ordinary code with large locals may be told what
 * an earlier dlclose has left on the stack: in such an image ask in finalizer functions only.
 * Hooks and the two handlers are always told the truth. */
FINI_API fini_reason fini_why(void);

/* Whether exit() is known to have begun in this process. Wait-free; any thread, any context,
 * signal handlers included. What a library asks on its slow paths to avoid starting work that
 * exit() would cut off.
 *
 * "Known": exit() runs handlers newest first, and this turns true when it has come as far as
 * the mark that the first image with libfini set, at the latest when one of them is finalized
 * for FINI_EXIT. Handlers newer than the mark still see false. Never true by mistake. Where all
 * such images are loaded at start-up, the mark is set by the first fini_add after main() has begun.
 * A forked child begins anew: exit() of its parent is not its own. In a dlmopen namespace of glibc
 * it is the program's exit() that counts, not that of the namespace's own libc. */
FINI_API bool fini_exiting(void);

/* Whether this process is a forked child of the one that loaded the image. Threads and timers of
 * the parent do not exist here: do not join or stop them. Any thread; safe in signal handlers. */
FINI_API bool fini_forked(void);

/* "running", "unload", "unload at exit", "exit", "thread exit"; "unknown" for any other number. Any
 * thread, any context, signal handlers included. */
FINI_API const char *fini_reason_name(fini_reason reason);

/* ---- hooks -------------------------------------------------------------------------------- */

enum {
    FINI_ON_UNLOAD = 1, /* what matters only when the memory goes away: free, join, unregister */
    FINI_ON_EXIT = 2,   /* what must not be lost: flush */
    FINI_ALWAYS = 3,
    FINI_NOT_IN_CHILD = 4, /* with the others: skip the hook in a forked child */
    /* Exit only, as early in exit() as the platform allows, when everything is still alive.
     * Limits: handlers registered later than the image's first such hook run before it. In a
     * library loaded at start-up, hooks added before main() has begun (at file scope, say) run with
     * the FINI_ON_EXIT hooks instead, unless one is added later too. So they do where the platform
     * has no such moment, or no memory for a handler, and those after one that calls exit().
     * On glibc two entries in libc's list of handlers, 33 bytes each, stay behind for each image
     * with such a hook that is unloaded while a newer handler is registered (overlapped reloads).
     * If another thread unloads the image meanwhile, the unload waits until the hook has returned:
     * such a hook must not wait for the loader, nor unload its own image.
     * On Windows only the program's hooks run early. */
    FINI_ON_EXIT_BEGIN = 8
};

typedef void fini_fn(void *arg, fini_reason why);

/* The caller's memory, valid until the hook has started to run or is removed; it may be freed by
 * the hook itself. Initialize it with FINI_HOOK_INIT, or by name: what is not named is zero. */
struct fini_hook {
    fini_fn *fn;   /* what to run; not NULL */
    void *arg;     /* handed to it */
    unsigned when; /* FINI_ON_... */
    /* private */
    unsigned fini__state;
    unsigned fini__order;
    const char *fini__file;
    struct fini_hook *fini__next;
    struct fini_hook **fini__link;
};
#define FINI_HOOK_INIT(fn, arg, when) { (fn), (arg), (unsigned)(when), 0, 0, NULL, NULL, NULL }

/* Add a hook. Hooks run once, newest first, in the thread that unloads the image or calls exit().
 *
 * At unload they run before the image's own exit handlers and C++ static destructors, at exit
 * after them: on glibc after all exit handlers of the process, on musl before those that were
 * registered before the image was loaded. On Windows a DLL's hooks at exit run when all other
 * threads have been killed, and must take no lock that one of them may have held, malloc's and
 * stdio's too; the program's run in exit(), and not when it ends by ExitProcess alone. An unload at
 * exit runs FINI_ON_UNLOAD and FINI_ON_EXIT hooks. With FINI_CLEAN_EXIT=1 in the environment,
 * FINI_ON_UNLOAD hooks run at exit too, and are told FINI_EXIT.
 *
 * Any thread; constructors; hooks. Not in a signal handler. Cannot fail for lack of memory: libc
 * may allocate an entry in its list of exit handlers, at the first call in a process and at the
 * image's first FINI_ON_EXIT_BEGIN hook, and without it the hook is added all the same. Waits at
 * most for another thread inside fini_add or fini_remove.
 *
 * A hook may add and remove hooks, dlopen, dlclose, fork and exit. A hook that a hook adds runs
 * next, in the same finalization. When a hook calls exit(), the hooks after it run in that exit;
 * musl after 1.2.5 ends the process there, as for any exit() within exit(), and Windows, in
 * a DLL's hook at exit.
 * A hook must return or call exit(): no exception and no longjmp may leave it. On glibc it is not
 * cancelled while it runs in a finalizer.
 *
 * At unload the loader's lock is held (glibc): do not wait for a thread that needs it, for one
 * that calls dlopen, dlsym, dladdr or uses its first thread_local object.
 *
 * FINI_EINVAL       hook or fn is NULL, or `when` names no moment or an unknown bit
 * FINI_EBUSY        the hook is added already, or is the one that is running
 * FINI_EFINALIZING  the image is being finalized, or has been for exit, and the caller is not one
 *                   of its hooks; or the hook is not for that reason and so could never run
 * FINI_EDEADLK      called from a signal handler that interrupted fini_add or fini_remove */
FINI_API int fini_add(struct fini_hook *hook);

/* Remove a hook. On return it is not running in another thread and never will. From within the
 * hook itself it returns FINI_OK at once. While another thread runs the hook, it waits until that
 * has returned: do not hold anything the hook waits for.
 *
 * Any thread; hooks. Not in a signal handler.
 *
 * FINI_EINVAL   hook is NULL
 * FINI_ENOENT   the hook is not added: never was, removed, has run, or was passed over by a
 *               finalization that it was not for. Its memory is the caller's again.
 * FINI_EDEADLK  as with fini_add */
FINI_API int fini_remove(struct fini_hook *hook);

/* The same at file scope: FINI_UNLOAD_HOOK(fn, arg); - arg is a constant expression. Such hooks
 * count as added before every fini_add; within a file the later line is newer. Always kept: they
 * survive gc-sections, LTO and lld, and bring libfini.a in. A wrong `when` does not compile. */
#define FINI_UNLOAD_HOOK(fn, arg) FINI_HOOK(fn, arg, FINI_ON_UNLOAD)
#define FINI_EXIT_HOOK(fn, arg) FINI_HOOK(fn, arg, FINI_ON_EXIT)
#define FINI_HOOK(fn, arg, when) FINI__HOOK(fn, arg, when, __COUNTER__)

/* With no registration at all: an image that defines one of these has it called, after all its
 * hooks: the first for FINI_UNLOAD and FINI_UNLOAD_AT_EXIT, the second for FINI_EXIT and
 * FINI_UNLOAD_AT_EXIT (and then before the first). With FINI_CLEAN_EXIT=1 the first is called for
 * FINI_EXIT too, after the second. Hidden: a handler of the program or of another
 * library is never taken for this image's. In a C++ namespace write extern "C", or they are other
 * functions. Where they are all an image uses of libfini.a, link
 * with what `pkg-config --libs fini` says (-u fini_why), or nothing brings the archive in. */
FINI_API void fini_unload_handler(void);
FINI_API void fini_exit_handler(void);

/* ---- staying mapped -----------------------------------------------------------------------
 *
 * What the image itself can do so that it is not unloaded: for ever (pin), for a while (hold), or
 * until a thread has ended. All of it also works in a start-up library and in the program, which
 * are never unloaded, and in a program without a loader.
 *
 * Not in a finalizer or a hook (FINI_EFINALIZING: it is too late), nor in a signal handler or in a
 * forked child whose parent had other threads: these calls take the loader's lock. For the same
 * reason a finalizer must not wait for a thread that may be inside one of them. Nor in a finalizer
 * of another image that needs this one: where both go together the loader has decided, and a hold
 * is in vain (glibc).
 */

enum {
    FINI_AT_STARTUP = 1,   /* loaded before main() began; never unloaded */
    FINI_IN_PROGRAM = 2,   /* linked into the program itself; FINI_AT_STARTUP with it */
    FINI_PINNED = 4,       /* by fini_pin, or linked with -z nodelete */
    FINI_NEVER_UNLOADS = 8 /* the platform unloads nothing */
};

/* What is known of this image; 0: it can be unloaded. An image can be unable to go for reasons that
 * it does not know of: another library needs it, thread_local destructors are pending.
 *
 * Any thread; hooks; finalizers. From the image's first constructor on: before, FINI_AT_STARTUP may
 * be missing. */
FINI_API unsigned fini_traits(void);

/* Stay mapped until the process ends. Again: FINI_OK at once. The file may be gone or replaced by
 * then. Clears what dlerror() would say in this thread (glibc).
 *
 * Any thread; constructors.
 *
 * FINI_EFINALIZING  the image is being finalized, or has been
 * FINI_ENOTSUP      the platform has no way to pin
 * FINI_ESYSTEM      the loader refused, for want of memory, say */
FINI_API int fini_pin(void);

/* The caller's memory, until it is released. Initialize it with FINI_HOLD_INIT or zero. */
struct fini_hold {
    /* private */
    unsigned fini__state;
    void *fini__reference;
};
#define FINI_HOLD_INIT { 0, NULL }

/* Stay mapped until this hold is released. Each hold counts for itself, and beside what hosts do.
 *
 * Any thread; constructors. Costs a dlopen of a loaded library and a walk up the stack,
 * some microseconds.
 *
 * FINI_EINVAL       hold is NULL
 * FINI_EBUSY        it is held already
 * FINI_EFINALIZING, FINI_ENOTSUP, FINI_ESYSTEM  as with fini_pin
 * FINI_EDEADLK      called from a signal handler that interrupted fini_hold or fini_release */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* the struct keeps its name beside the function */
#endif
FINI_API int fini_hold(struct fini_hold *hold);
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/* Give the hold back. The image does not go under the caller: the reference ends when the calling
 * thread has ended. On the main thread that is pthread_exit; at exit() nothing happens. The hold
 * can be held again at once.
 *
 * Any thread; also at exit, where nothing is left to do. Some thread keys of the process (at most
 * one for each image that one thread has pending, and one more; they are shared and never given
 * back) do it on glibc, and no code of the image: destructors of the image's own thread keys that
 * come later in that thread find it unmapped.
 *
 * FINI_EINVAL   hold is NULL
 * FINI_ENOENT   it is not held
 * FINI_EAGAIN   no thread key is left, and it is still held
 * FINI_ENOMEM   no memory, and it is still held
 * FINI_ENOTSUP  in a dlmopen namespace of glibc before 2.34; it is still held
 * FINI_EDEADLK  as with fini_hold */
FINI_API int fini_release(struct fini_hold *hold);

/* Stay mapped until the calling thread has ended: for a thread that nobody joins. Again in the same
 * thread: FINI_OK. On the main thread that is pthread_exit.
 *
 * The image must not go before this call: let the code that starts the thread hold the image, and
 * the thread release it after this call, or wait for the call to be made. A finalizer never joins
 * such a thread: the image would wait for the thread and the thread for the loader. A thread that
 * is in here when it ends unloads the image if it is the last user, and its hooks run in it. On
 * Windows a thread of the process's pool does so, soon after; in a worker the reference ends when
 * its function has returned.
 *
 * FINI_EFINALIZING, FINI_ENOTSUP, FINI_ESYSTEM  as with fini_pin
 * FINI_EAGAIN, FINI_ENOMEM, FINI_ENOTSUP        as with fini_release; nothing has changed */
FINI_API int fini_hold_for_thread(void);

/* ---- thread values -------------------------------------------------------------------------
 *
 * A value for each thread, with a destructor that neither keeps the image loaded nor outlives it.
 * What pthread_key_create leaves behind when the image goes is an address in unmapped code;
 * thread_local objects of C++ keep it from going at all.
 *
 * A destructor runs once for each value that is not NULL, with the reason:
 *
 *   FINI_THREAD_EXIT                  in the thread, when it ends (on the main thread: by
 *                                     pthread_exit)
 *   FINI_UNLOAD, FINI_UNLOAD_AT_EXIT  in the thread that unloads the image, for each thread that
 *                                     has a value then. Other threads live on: what else they know
 *                                     of the value is theirs to forget
 *
 * At exit values are left alone, with FINI_CLEAN_EXIT=1 too. A thread may end while the image goes:
 * its value is destroyed by one of the two, and the unload waits until the thread is out of
 * the image for good.
 *
 * Before a destructor is called, the value is NULL. It may set values, of its own thread, which
 * are destroyed in their turn: four times; what is set then is left to fini_local_destroy or the
 * unload. It must return: no exception, no longjmp, no pthread_exit. On glibc it is not cancelled
 * but in fini_local_destroy, where that is the caller's to prevent. As an unload may be waiting
 * for it with the loader's lock held (glibc), it must not wait for that: no dlopen, dlclose, dlsym,
 * dladdr, no first use of a thread_local object, nor for a thread that does. It must not unload its
 * own image. On Windows it runs with that lock held itself, as DllMain does.
 *
 * In a forked child there is the value of the thread that forked. Those of others are not
 * destroyed.
 *
 * Limits: 256 at a time in an image. Takes three of the process's thread keys (1024 on glibc) for
 * each image that uses values, from the first fini_local_init until it goes; they are kept for
 * the next. Not in a dlmopen namespace, nor in a static program (glibc): FINI_ENOTSUP. A thread's
 * first value in an image costs some allocations, of which 300 bytes a thread, used again when it
 * has ended, are never given back. On Windows an image takes one index of TlsAlloc.
 */

/* The caller's memory, until it is destroyed. At unload, until its values are. */
struct fini_local {
    /* private */
    struct fini_hook fini__hook;
    unsigned fini__place;
};
#define FINI_LOCAL_INIT { FINI_HOOK_INIT(NULL, NULL, 0), 0 }

/* No thread has a value yet. Counts as added now, like a hook of fini_add: at unload values and
 * hooks unwind together, newest first; and at a thread's end its newest value goes first.
 *
 * Any thread; constructors, hooks. Not in a signal handler.
 *
 * FINI_EINVAL       l or destroy is NULL
 * FINI_EBUSY        it is initialized already
 * FINI_EAGAIN       no three thread keys are left, or the image has 256 values
 * FINI_ENOMEM       no memory for what the process shares
 * FINI_ENOTSUP      the platform has no such values; see the limits above
 * FINI_EFINALIZING  as with fini_add
 * FINI_EDEADLK      called from a signal handler that interrupted one of these calls */
FINI_API int fini_local_init(struct fini_local *l, fini_fn *destroy);

/* Destroy every thread's value, in the calling thread, as at unload: with FINI_UNLOAD, or in a hook
 * with the hook's reason. On return its destructor runs in no other thread; what runs in them is
 * waited for, so do not hold anything a destructor waits for. From within the destructor it
 * does not wait for itself. It can be initialized anew. Does nothing to one that is not
 * initialized.
 *
 * Any thread; hooks; destructors. Not in a signal handler. */
FINI_API void fini_local_destroy(struct fini_local *l);

/* The calling thread's value; NULL if it has none, or l is not initialized or unwound already.
 * Any thread; no lock, some nanoseconds. */
FINI_API void *fini_local_get(struct fini_local *l);

/* The value that was there is not destroyed. NULL: there is none. A call that meets
 * fini_local_destroy either fails, or its value is destroyed.
 *
 * Any thread, whoever started it; destructors. Not in a signal handler. Some nanoseconds; only a
 * thread's first values allocate.
 *
 * FINI_EINVAL       l is NULL or not initialized
 * FINI_EFINALIZING  the image is being finalized, and has unwound l
 * FINI_ENOMEM       no memory; the old value is still there
 * FINI_EDEADLK      as with fini_local_init */
FINI_API int fini_local_set(struct fini_local *l, void *value);

/* ---- workers -------------------------------------------------------------------------------
 *
 * A thread of the library's own: stopped and waited for when the image is unloaded, left alone when
 * the process exits. It does not keep the image loaded.
 *
 *     static struct fini_worker flusher = FINI_WORKER_INIT;
 *
 *     static void run(struct fini_worker *w, void *arg)
 *     {
 *         while (fini_worker_wait(w, period) == FINI_ETIMEDOUT)
 *             flush(arg);
 *     }
 *
 * Each worker counts as added when it is started, like a hook of fini_add: at FINI_UNLOAD and
 * FINI_UNLOAD_AT_EXIT hooks, values and workers unwind together, newest first. So what a worker
 * uses is set up before it is started; and a hook that has to wake it from anything else than
 * fini_worker_wait is added after it.
 *
 * At exit nobody asks a worker to stop, and nobody waits for it (with FINI_CLEAN_EXIT=1 neither):
 * it runs until the process is gone. Where the platform cannot tell exit and unload apart, it is
 * asked, and waited for a second at most. In a forked child there are no workers: they are not
 * waited for, and may be started anew.
 *
 * On Windows a worker is a callback of a thread pool of its own, because there no thread can end
 * while an image is unloaded. At exit it is killed. C++ thread_local objects of its thread are
 * destroyed later, or, if the image goes, not at all. One that is asked to stop by an unload before
 * its thread has begun, which needs the loader's lock, is run by the unload after one second.
 *
 * A process whose main thread ends by pthread_exit lives as long as any thread does, a worker too:
 * there somebody has to stop it, or call exit().
 *
 * A worker has all signals blocked but those that a thread causes itself (SIGSEGV, SIGBUS, SIGFPE,
 * SIGILL, SIGTRAP, SIGSYS), so that it never runs a handler of the host's for another. It is
 * called like the library - as FINI_LIBRARY says, else its soname, else its file name, without .so;
 * of that the last 15 bytes - in debuggers and whatever else shows the names of threads.
 *
 * An unload waits for a worker as long as it takes; FINI_TRACE=1 says for which thread after one
 * second. On glibc it waits with the loader's lock held, so that a worker which wants that lock is
 * waited for for ever. A library cannot change that: the loader has decided to unmap the image, and
 * lends its lock to nobody meanwhile. These want it: dlopen, dlclose, dlsym, dladdr; the first use,
 * in a thread, of a C++ thread_local object that has a destructor; what does one of these within
 * libc (getaddrinfo and other name services, iconv_open, backtrace, and pthread_exit and
 * cancellation the first time); exit(). Of what libfini offers: fini_pin, fini_hold,
 * fini_hold_for_thread and fini_release, and an image's first fini_worker_start and
 * fini_local_init; before glibc 2.35 also fini_traits, fini_why and fini_add for
 * FINI_ON_EXIT_BEGIN. Not: creating threads, exceptions, plain thread-local data, locks, memory,
 * and all else of libfini. The ways round:
 *
 *   - Stop the worker before the unload: fini_worker_stop in the function with which the host ends
 *     its use of the plugin. It waits without the loader's lock.
 *   - A worker that comes to its end by itself calls fini_hold_for_thread first of all, and who has
 *     started it waits until it has. dlclose then leaves the image loaded until that thread has
 *     ended.
 *   - Have such work done before the worker starts, by the thread that starts it.
 *
 * The image's own C++ thread_local objects with destructors keep it from being unloaded at all, as
 * long as the worker lives (glibc): use fini_local.
 */

/* The caller's memory, until the worker is stopped. Initialize it with FINI_WORKER_INIT or zero. */
struct fini_worker {
    /* private */
    struct fini_hook fini__hook;
    struct fini_worker *fini__next;
    void (*fini__run)(struct fini_worker *worker, void *arg);
    void *fini__arg, *fini__thread;
    uintptr_t fini__self, fini__number, fini__process, fini__by;
    uint32_t fini__stopping, fini__over;
    unsigned fini__phase;
};
#define FINI_WORKER_INIT                                                                          \
    { FINI_HOOK_INIT(NULL, NULL, 0), NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0 }

/* Start a thread that calls run(w, arg) and ends when that returns. It must return: no
 * pthread_exit, no cancellation, no exception. A worker whose run has returned is still to be
 * stopped, by the library or the unload; before that it cannot be started again.
 *
 * Any thread; constructors, hooks. Not in a signal handler.
 *
 * FINI_EINVAL       w or run is NULL
 * FINI_EBUSY        it has been started and not been stopped
 * FINI_EAGAIN       the system makes no thread
 * FINI_ENOMEM       no memory
 * FINI_ENOTSUP      the platform has no threads. On glibc: a static program of objects that are
 *                   compiled for a library (-fPIC); before 2.34, a process without libpthread
 * FINI_EFINALIZING  as with fini_add
 * FINI_EDEADLK      called from a signal handler that interrupted one of these calls */
FINI_API int fini_worker_start(struct fini_worker *w,
                               void (*run)(struct fini_worker *worker, void *arg), void *arg);

/* Whether the worker has been asked to stop. Wait-free; any thread, while the worker is started. */
FINI_API bool fini_worker_stopping(struct fini_worker *w);

/* Sleep until the worker is asked to stop, at most so many nanoseconds; 0 does not sleep, and
 * a negative timeout sleeps without end. What a worker does between two things to do.
 *
 * The worker; any other thread, if the worker's memory lasts until it is back. Not a cancellation
 * point.
 *
 * FINI_OK         asked to stop
 * FINI_ETIMEDOUT  not yet
 * FINI_EINVAL     w is NULL
 * FINI_ENOENT     there is no such worker: not started, or stopped, or this is a forked child
 * FINI_EDEADLK    as with fini_worker_start */
FINI_API int fini_worker_wait(struct fini_worker *w, int64_t timeout_ns);

/* Ask the worker to stop, and wait until its thread has ended: on return no code of it runs any
 * more, and its memory is the caller's again. Several threads may stop one worker, if the memory
 * lasts for all of them. In a forked child nobody is waited for. Not a cancellation point.
 *
 * Any thread; hooks, at exit too. Not in a signal handler. With nothing held that the worker may
 * want before it ends. At exit a worker may be inside exit() itself, and never end.
 *
 * FINI_OK       it is over
 * FINI_EDEADLK  the caller is the worker itself, in its run or in a destructor at its end, and
 *               nothing has changed; or as with fini_worker_start, hooks included that run because
 *               such a handler has called exit()
 * FINI_ENOENT   it has not been started, or has been stopped
 * FINI_EINVAL   w is NULL */
FINI_API int fini_worker_stop(struct fini_worker *w);

/* ---- gates --------------------------------------------------------------------------------
 *
 * A gate lets many threads in at once, cheaply, and can be closed and drained: when close has
 * answered FINI_OK, nobody is inside, everything that was done inside is done, and nobody comes in
 * until it is opened. For what must not be pulled away under a thread: a table that is replaced, a
 * device that is shut down, what a hook flushes at exit.
 *
 *     if (!fini_gate_enter(&gate))
 *         return ERROR_CLOSED;
 *     ...
 *     fini_gate_leave(&gate);
 *
 * A gate inside the image cannot make its *unload* safe: the instructions before enter and after
 * leave are the image's own. There the gate has to stand in the host.
 *
 * Threads are not registered, and nothing of a gate outlives the image. The thread that enters is
 * the one that leaves. A thread that ends inside, is cancelled there without a cleanup handler
 * that leaves, or jumps out with longjmp or an exception, stays inside: the gate is never empty
 * again, and close runs into its deadline, which is the safe side. Where exit kills threads
 * (Windows) that deadline is at once, also where it was never. A thread that is started later
 * can be taken for it, and then leave in its place.
 *
 * In a forked child only the entries of the thread that forked remain; a closed gate is closed. If
 * another thread of the child is the first to use a gate, those of the parent's other threads go
 * when the thread that forked uses one.
 *
 * Any thread; hooks; constructors. Not in signal handlers. None of the calls is a cancellation
 * point. The gate's memory must be valid until close has answered FINI_OK, and is free to go then
 * if nobody enters it any more.
 *
 * Limits. An image has places for 256 pairs of a thread and a gate, and for 1024 more while they
 * are inside. When the first are taken, by threads that have ended too, a visit takes a tenth of a
 * microsecond instead of a nanosecond, and some microseconds when nearly all of the others are
 * taken as well. Beyond 1280 entries at once they are only counted: close waits for them as well,
 * but such a thread is refused when it enters again while the gate closes, is not told
 * FINI_EDEADLK, and goes on being counted in a forked child. The places are mapped when the image
 * first uses a gate, 40 KiB of which what is used takes memory, and go with it, unless it was told
 * FINI_EXIT; where there is no memory, entries are only counted too.
 */

/* The caller's memory. Initialize it with FINI_GATE_INIT or zero: open, nobody inside. */
struct fini_gate {
    /* private */
    uint32_t fini__state;
    uint32_t fini__unknown;
};
#define FINI_GATE_INIT { 0, 0 }

/* True: the caller is inside, until it has left as often as it has entered. False: the gate is
 * closed and the caller is not inside it, or gate is NULL. Who is inside may enter again while the
 * gate is being closed.
 *
 * Never waits. A nanosecond or two where membarrier is to be had (Linux 4.14); else, and to enter
 * again, some ten. */
FINI_API bool fini_gate_enter(struct fini_gate *gate);

/* Never waits; the last to leave wakes who closes the gate. A leave without an enter does nothing,
 * but for the limit above: it must not be made while entries are only counted. */
FINI_API void fini_gate_leave(struct fini_gate *gate);

/* Close the gate and wait until nobody is inside, at most so many nanoseconds; 0 does not wait, a
 * negative timeout waits for ever. Closing a closed gate waits too. Several threads may close one
 * gate. If one opens it while another still waits for it to be empty, it is closed again, as if it
 * had been opened before.
 *
 * FINI_OK         nobody is inside, nor will be until the gate is opened
 * FINI_ETIMEDOUT  somebody is still inside; the gate stays closed: close it again, or open it
 * FINI_EDEADLK    the caller is inside itself; nothing has changed
 * FINI_EINVAL     gate is NULL
 * FINI_ESYSTEM    the system has begun to refuse what it allowed when gates were first used
 *                 (membarrier, by seccomp); the gate stays closed, but it cannot be told whether
 *                 somebody is inside */
FINI_API int fini_gate_close(struct fini_gate *gate, int64_t timeout_ns);

/* Let threads in again. An open gate: FINI_OK at once.
 *
 * FINI_EINVAL  gate is NULL */
FINI_API int fini_gate_open(struct fini_gate *gate);

/* ---- keepsakes ----------------------------------------------------------------------------
 *
 * Data that outlives the image, and is found again by every later copy of it in this process,
 * and by other images that embed libfini: what a reload hands over. Data only: a pointer into the
 * image, or to a function, is worth nothing to the next copy. In memory of the process alone:
 * nothing in the file system; copied by fork, gone after exec. Copies in all dlmopen namespaces
 * find the same.
 *
 * Any thread; constructors, hooks, finalizers, any of several images at once. Not in signal
 * handlers. Bounded: see the two limits; 1024 keepsakes at most.
 */

enum {
    FINI_KEEP_NAME_MOST = 255,       /* bytes of a name, without the final zero */
    FINI_KEEP_SIZE_MOST = 1024 * 1024 /* bytes of data */
};

/* Keep a copy of `size` bytes under this name, instead of what was there. Size 0 deletes. All or
 * nothing: other threads find the old data or the new.
 *
 * FINI_EINVAL   name is NULL or empty, or data is NULL and size is not 0
 * FINI_ERANGE   name or data are longer than the limits above
 * FINI_ENOENT   size is 0, and there is no such keepsake
 * FINI_EAGAIN   there are 1024 already
 * FINI_ENOMEM   no memory; the old data are still there
 * FINI_ENOTSUP  the platform has no such place, or a copy of libfini with another format uses it
 * FINI_EDEADLK  called from a signal handler that interrupted one of these calls */
FINI_API int fini_keep_put(const char *name, const void *data, size_t size);

/* Copy what is kept under this name into ret_data. `size` says how much room is there, and then how
 * long the data are; ret_data may be NULL if that is 0.
 *
 * FINI_ERANGE   there is too little room; *size is the length, and ret_data is untouched
 * FINI_ENOENT   there is no such keepsake
 * FINI_EINVAL, FINI_ENOTSUP, FINI_EDEADLK  as with fini_keep_put */
FINI_API int fini_keep_get(const char *name, void *ret_data, size_t *size);

/* How many times this library has been loaded in this process (or, in a forked child, in its
 * ancestors too), this copy included: 1 for the first. It stays what it was when this copy was
 * loaded. 0 where the platform cannot count, or more than 4096 libraries have been.
 *
 * A library is who FINI_LIBRARY says; else its soname; else its base name at load.
 *
 * Any thread, any context, signal handlers included. From the first constructor on. */
FINI_API unsigned fini_generation(void);

/* At file scope, once in an image: who this library is, whatever its file is called.
 * FINI_LIBRARY("org.example.thing"); */
#define FINI_LIBRARY(name)                     \
    FINI__C const char *fini__library(void)    \
    {                                          \
        return (name);                         \
    }                                          \
    typedef char fini__library_named
#ifdef __cplusplus
#define FINI__C extern "C" /* in a namespace, too */
#else
#define FINI__C
#endif
FINI_API const char *fini__library(void);

/* ---- environment --------------------------------------------------------------------------
 *
 * Read when the image is loaded; ignored in a set-uid or set-gid process.
 *
 * FINI_CLEAN_EXIT=1  at exit FINI_ON_UNLOAD hooks run too, told FINI_EXIT, so that leak checkers
 *                    see a clean process
 * FINI_TRACE=1       one line for each finalization on standard error: image, reason, thread,
 *                    how many hooks ran; and one for a worker that is waited for longer than a
 *                    second
 */

/* ---- private: what the macros above are made of --------------------------------------------- */

FINI_API void fini__hook_add_file(struct fini_hook *hook);

/* 101 is the first constructor priority open to programs: a file-scope hook is there before any
 * constructor of the image can call exit(). MSVC's C run-time calls what stands between .CRT$XCA
 * and .CRT$XCZ, sections that the linker has sorted; its own constructors are behind B. */
#if defined(_WIN32) && !defined(__GNUC__) && !defined(__clang__)
#define FINI__CONSTRUCTOR
#define FINI__CONSTRUCTOR_ENTRY(function)                                    \
    __pragma(section(".CRT$XCB", long, read, write))                         \
    __declspec(allocate(".CRT$XCB"))                                         \
    static void (*volatile fini__entry_of_##function)(void) = function;
#else
#define FINI__CONSTRUCTOR __attribute__((constructor(101)))
#define FINI__CONSTRUCTOR_ENTRY(function)
#endif
#define FINI__HOOK(fn, arg, when, n) FINI__HOOK_N(fn, arg, when, n)
#define FINI__HOOK_N(fn, arg, when, n)                                                            \
    static struct fini_hook fini__hook_##n = {(fn), (arg), (when), 0, (n), __FILE__, NULL, NULL}; \
    FINI__CONSTRUCTOR static void fini__hook_added_##n(void)                                      \
    {                                                                                             \
        fini__hook_add_file(&fini__hook_##n);                                                     \
    }                                                                                             \
    FINI__CONSTRUCTOR_ENTRY(fini__hook_added_##n)                                                 \
    typedef char fini__bad_when_##n[FINI__WHEN_OK(when) ? 1 : -1]
#define FINI__WHEN_OK(when) (((when) & 11) != 0 && ((when) & ~15) == 0)

/* Gates: what enter and leave do nearly always, without a call. All the rest, and why this is
 * right, is in gate.c. Elsewhere the same functions are called. */
#if defined(__GNUC__) && defined(__ELF__)
#define FINI__GATE_SHARED 1
#if defined(__clang_major__)
#define FINI__GATE_COMPILER (__clang_major__ >= 14)
#else
#define FINI__GATE_COMPILER (__GNUC__ >= 11)
#endif
#if defined(__has_builtin) && FINI__GATE_COMPILER
/* gcc says yes on every processor, and then refuses it on some; gcc 10 and clang 11 on x86, too. */
#if __has_builtin(__builtin_thread_pointer) &&                                                \
    (defined(__x86_64__) || defined(__i386__) || defined(__aarch64__) || defined(__arm__) ||  \
     defined(__riscv) || defined(__s390x__))
#define FINI__GATE_INLINE 1
#endif
#endif
/* clang says that it has it, and then cannot, where it knows of no thread-local storage. */
#if defined(__clang__)
#if !__has_feature(tls)
#undef FINI__GATE_INLINE
#endif
#endif
#endif

enum { FINI__GATE_SLOTS = 256, FINI__GATE_FACTOR = 0x1e3779b9 };

#ifdef FINI__GATE_SHARED

/* gate.c knows both as structures of atomic members. */
struct __attribute__((aligned(64), may_alias)) fini__gate_slot {
    uintptr_t owner, gate;
    uint32_t process, depth;
};
struct __attribute__((aligned(64), may_alias)) fini__gate_shared {
    const uintptr_t *process;
    struct fini__gate_slot *slots; /* FINI__GATE_SLOTS of them; NULL: not yet, or no more */
    uint32_t closers;
};

extern FINI_API struct fini__gate_shared fini__gate_shared;
FINI_API __attribute__((cold)) bool fini__gate_enter_slowly(struct fini_gate *gate);
FINI_API __attribute__((cold)) bool fini__gate_enter_in_vain(struct fini_gate *gate);
FINI_API __attribute__((cold)) void fini__gate_leave_slowly(struct fini_gate *gate);
FINI_API __attribute__((cold)) void fini__gate_notify(const struct fini_gate *gate);
#endif

#ifdef FINI__GATE_INLINE

/* Out of line the call alone would cost more than the rest. */
#define FINI__ALWAYS __attribute__((always_inline))
#ifdef __cplusplus
#define FINI__INLINE FINI_API FINI__ALWAYS inline
#define FINI__ADDRESS(pointer) reinterpret_cast<uintptr_t>(pointer)
#else
#define FINI__INLINE FINI__ALWAYS static inline
#define FINI__ADDRESS(pointer) ((uintptr_t)(pointer))
#endif

#define FINI__LIKELY(condition) __builtin_expect(!!(condition), 1)
#define FINI__LOAD(object) __atomic_load_n(&(object), __ATOMIC_RELAXED)

FINI__INLINE struct fini__gate_slot *fini__gate_first_slot(uintptr_t self,
                                                           const struct fini_gate *gate)
{
    struct fini__gate_slot *slots = __atomic_load_n(&fini__gate_shared.slots, __ATOMIC_ACQUIRE);
    uint64_t hash = self + FINI__ADDRESS(gate);
    hash *= FINI__GATE_FACTOR;
    return slots ? &slots[hash >> 32 & (FINI__GATE_SLOTS - 1)] : slots;
}

/* There is a slot, and it is the caller's, for this gate, and says that depth. */
FINI__INLINE bool fini__gate_fits(const struct fini__gate_slot *slot, uintptr_t self,
                                  const struct fini_gate *gate, uint32_t depth)
{
    return FINI__LIKELY(slot != NULL) && FINI__LIKELY(FINI__LOAD(slot->owner) == self) &&
           FINI__LIKELY(FINI__LOAD(slot->gate) == FINI__ADDRESS(gate)) &&
           FINI__LIKELY(FINI__LOAD(slot->depth) == depth);
}

/* This process is still the slot's, and the gate is not closed already. */
FINI__INLINE bool fini__gate_may_enter(const struct fini__gate_slot *slot,
                                       const struct fini_gate *gate)
{
    const uintptr_t *process = FINI__LOAD(fini__gate_shared.process);
    return FINI__LIKELY(FINI__LOAD(slot->process) == (FINI__LOAD(*process) & 0xffffffffu)) &&
           FINI__LIKELY(!(FINI__LOAD(gate->fini__state) & 1));
}

FINI__INLINE bool fini__gate_enter(struct fini_gate *gate)
{
    uintptr_t self = FINI__ADDRESS(__builtin_thread_pointer());
    struct fini__gate_slot *slot = fini__gate_first_slot(self, gate);
    if (!fini__gate_fits(slot, self, gate, 0) || !fini__gate_may_enter(slot, gate))
        return fini__gate_enter_slowly(gate);
    __atomic_store_n(&slot->depth, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (!FINI__LIKELY(!(__atomic_load_n(&gate->fini__state, __ATOMIC_ACQUIRE) & 1)))
        return fini__gate_enter_in_vain(gate);
    return true;
}

FINI__INLINE void fini__gate_leave(struct fini_gate *gate)
{
    uintptr_t self = FINI__ADDRESS(__builtin_thread_pointer());
    struct fini__gate_slot *slot = fini__gate_first_slot(self, gate);
    if (!fini__gate_fits(slot, self, gate, 1)) {
        fini__gate_leave_slowly(gate);
        return;
    }
    __atomic_store_n(&slot->depth, 0, __ATOMIC_RELEASE);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (!FINI__LIKELY(FINI__LOAD(fini__gate_shared.closers) == 0))
        fini__gate_notify(gate);
}

#define fini_gate_enter(gate) fini__gate_enter(gate)
#define fini_gate_leave(gate) fini__gate_leave(gate)
#endif

#ifdef __cplusplus
}
#endif
#endif
