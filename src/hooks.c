/* SPDX-License-Identifier: MIT
 *
 * The hooks of this image: kept in the caller's memory, run once, newest first.
 *
 * Decides: order, who may add and remove when, what a hook may do to the list while it runs.
 * Leaves to others: why and when hooks run (image.c, reason.c).
 *
 * One list holds all, newest first: what fini_add added, then - from `file` on - the file-scope
 * hooks, which count as older. A run walks it with a cursor and leaves in place what it is not
 * for. Unlinking moves every cursor off the hook; adding moves the adder's own cursors to it, so
 * that a hook added by a hook runs next.
 *
 * The lock guards everything in `hooks`, and the private members of each added hook, and is never
 * held while a hook runs. Nothing nests inside it. The only thread of a process does without it
 * but in fini_add and fini_remove, which tell by the owner that they are inside themselves: the
 * exchange of the owner would be two thirds of what it costs to run a hook.
 *
 * exit() may come from a signal handler that interrupted the holder. Its run then goes on
 * without the lock, in the knowledge that the holder never resumes. For that, `first` and
 * fini__next form a whole list between any two stores (hence the signal fences), a hook is ADDED
 * only while it is on the list, and a run believes only ADDED hooks. The rest (fini__link, `file`)
 * may be half done; a forked child whose parent had another thread inside makes it anew (repair).
 *
 *   state        fini_add        fini_remove                run
 *   otherwise    -> ADDED        ENOENT                     -
 *   ADDED        EBUSY           -> 0                       -> STARTED, runs it
 *   STARTED      EBUSY while it  waits while another        -
 *                runs, else as   thread runs it, OK from
 *                otherwise       itself or if abandoned,
 *                                else ENOENT
 */
#include <errno.h>

#include "core.h"

/* Not small numbers: memory that nobody initialized must not look like an added hook. */
enum { ADDED = 0x66696e31, STARTED = 0x66696e32 };

static const unsigned moments_all = FINI_ALWAYS | FINI_ON_EXIT_BEGIN;

static void forget_other_threads(void);

static struct {
    struct fini__lock lock;
    struct fini_hook *first;
    struct fini_hook **file; /* the link that leads to the newest file-scope hook */
    /* What a lane's thread is running, innermost first. One list for all threads would lead a
     * forked child through stacks that it lacks, or has given to new threads. */
    struct {
        uintptr_t thread;
        struct fini__run *runs;
    } lane[FINI__LANES];
    bool sealed;            /* a finalization has begun, ... */
    unsigned sealed_for;    /* ... for these moments, ... */
    uintptr_t sealed_by;    /* ... in this thread */
} hooks = {
    .lock = {.process = FINI_LOCK_UNUSED, .forked = forget_other_threads},
    .file = &hooks.first,
};

/* False: there is nothing to let go, because this thread holds the lock already, below a signal
 * handler, or because there is no other thread. */
FINI_NOINLINE static bool take(void)
{
    return fini__lock_needed(&hooks.lock) && fini__lock_take(&hooks.lock);
}

static void let_go(bool locked)
{
    if (locked)
        fini__lock_drop(&hooks.lock);
}

/* ---- the list -------------------------------------------------------------------------------- */

static void link_at(struct fini_hook **link, struct fini_hook *hook)
{
    hook->fini__next = *link;
    hook->fini__link = link;
    if (*link)
        (*link)->fini__link = &hook->fini__next;
    atomic_signal_fence(memory_order_seq_cst);
    *link = hook;
    atomic_signal_fence(memory_order_seq_cst);
    hook->fini__state = ADDED;
}

/* No run goes on with this hook, but with the next. */
FINI_COLD FINI_NOINLINE static void leave(const struct fini_hook *hook)
{
    for (int n = 0; n < FINI__LANES; n++)
        for (struct fini__run *run = hooks.lane[n].runs; run; run = run->outer)
            if (run->cursor == hook)
                run->cursor = hook->fini__next;
}

/* After `leave`, or where no other run can have its cursor there. */
static void unlink_hook(struct fini_hook *hook, unsigned new_state)
{
    struct fini_hook *next = hook->fini__next, **link = hook->fini__link;
    hook->fini__state = new_state;
    atomic_signal_fence(memory_order_seq_cst);
    if (hooks.file == &hook->fini__next)
        hooks.file = link;
    if (next)
        next->fini__link = link;
    *link = next;
}

static void withdraw(struct fini_hook *hook)
{
    leave(hook);
    unlink_hook(hook, 0);
}

static bool newer_in_same_file(const struct fini_hook *a, const struct fini_hook *b)
{
    const char *x = a->fini__file, *y = b->fini__file;
    if (a->fini__order < b->fini__order)
        return false;
    while (x != y && *x && *x == *y)
        x++, y++;
    return *x == *y;
}

/* Behind the last newer one of its file. Link-time optimization runs the constructors of a file in
 * any order, and mixes in those of the headers it includes. */
FINI_COLD static struct fini_hook **place_in_file(const struct fini_hook *hook)
{
    struct fini_hook **place = hooks.file;
    for (struct fini_hook **link = hooks.file; *link; link = &(*link)->fini__next)
        if (newer_in_same_file(*link, hook))
            place = &(*link)->fini__next;
    return place;
}

/* ---- who runs what --------------------------------------------------------------------------- */

FINI_COLD FINI_NOINLINE static struct fini__run *run_of_thread(uintptr_t thread)
{
    for (int n = 0; n < FINI__LANES; n++) {
        struct fini__run *run = hooks.lane[n].thread == thread ? hooks.lane[n].runs : NULL;
        while (run && run->abandoned)
            run = run->outer;
        if (run)
            return run;
    }
    return NULL;
}

/* The run of this hook, and the thread that it is in. */
FINI_COLD FINI_NOINLINE static struct fini__run *run_of_hook(const struct fini_hook *hook,
                                                             uintptr_t *thread)
{
    for (int n = 0; n < FINI__LANES; n++)
        for (struct fini__run *run = hooks.lane[n].runs; run; run = run->outer)
            if (run->hook == hook) {
                *thread = hooks.lane[n].thread;
                return run;
            }
    return NULL;
}

FINI_NOINLINE static void begin_run(enum fini__lane lane, struct fini__run *run)
{
    uintptr_t self = fini__platform_thread();
    bool locked = take();
    run->cursor = hooks.first;
    run->outer = hooks.lane[lane].runs;
    hooks.lane[lane].runs = run;
    hooks.lane[lane].thread = self;
    let_go(locked);
}

FINI_NOINLINE static void end_run(enum fini__lane lane, struct fini__run *run)
{
    bool locked = take();
    if (hooks.lane[lane].runs == run)
        hooks.lane[lane].runs = run->outer;
    let_go(locked);
}

/* A thread that the child lacks may have been anywhere in link_at and unlink_hook. */
FINI_COLD static void repair(void)
{
    struct fini_hook **link = &hooks.first;
    hooks.file = NULL;
    while (*link)
        if ((*link)->fini__state != ADDED) {
            *link = (*link)->fini__next;
        } else {
            (*link)->fini__link = link;
            if (!hooks.file && (*link)->fini__file)
                hooks.file = link;
            link = &(*link)->fini__next;
        }
    if (!hooks.file)
        hooks.file = link;
}

/* In a forked child: the other threads do not exist there. When this thread itself is inside the
 * lock, because a signal handler forks, it will end what it has begun. */
FINI_COLD static void forget_other_threads(void)
{
    if (atomic_load_explicit(&hooks.lock.owner, memory_order_relaxed) == 0)
        repair();
    for (int n = 0; n < FINI__LANES; n++)
        if (hooks.lane[n].thread != fini__platform_thread() || !fini__platform_is_forker())
            hooks.lane[n].runs = NULL;
}

/* ---- adding and removing --------------------------------------------------------------------- */

static bool valid(const struct fini_hook *hook)
{
    return hook && hook->fn && (hook->when & moments_all) != 0 &&
           (hook->when & ~(moments_all | FINI_NOT_IN_CHILD)) == 0;
}

FINI_COLD FINI_NOINLINE static bool too_late(const struct fini_hook *hook)
{
    uintptr_t self = fini__platform_thread();
    return hooks.sealed_by != self || !run_of_thread(self) || !(hook->when & hooks.sealed_for);
}

static bool in_use(const struct fini_hook *hook)
{
    uintptr_t thread;
    return hook->fini__state == ADDED ||
           (hook->fini__state == STARTED && run_of_hook(hook, &thread));
}

/* What a hook adds runs next: its thread goes on with it. */
static void go_on_with(struct fini_hook *hook)
{
    for (int n = 0; n < FINI__LANES; n++)
        for (struct fini__run *run = hooks.lane[n].runs; run; run = run->outer)
            if (hooks.lane[n].thread == fini__platform_thread())
                run->cursor = hook;
}

static int add_locked(struct fini_hook *hook)
{
    if (in_use(hook))
        return FINI_EBUSY;
    if (FINI_UNLIKELY(hooks.sealed) && too_late(hook))
        return FINI_EFINALIZING;
    bool first_is_file = hooks.file == &hooks.first;
    hook->fini__file = NULL;
    link_at(&hooks.first, hook);
    if (first_is_file)
        hooks.file = &hook->fini__next;
    go_on_with(hook);
    return FINI_OK;
}

/* Whether there is to be a handler early in exit(). To find out may mean to wait for the loader; a
 * hook that comes too late is refused at once, since the unload may wait for it. */
static bool wants_to_be_early(const struct fini_hook *hook)
{
    if (!(hook->when & FINI_ON_EXIT_BEGIN))
        return false;
    bool locked = take(), sealed = hooks.sealed;
    let_go(locked);
    return !sealed && fini__platform_can_be_early();
}

/* Also for moments that fini_add refuses. An unload seals the list, and then takes back the
 * handler: so it is registered under the lock. */
int fini__hooks_add(struct fini_hook *hook)
{
    bool early = wants_to_be_early(hook);
    if (!fini__lock_take(&hooks.lock))
        return FINI_EDEADLK;
    int error = add_locked(hook);
    if (FINI_UNLIKELY(early) && error == FINI_OK && !hooks.sealed)
        fini__platform_early_exit();
    fini__lock_drop(&hooks.lock);
    fini__platform_watch_exit();
    return error;
}

int fini_add(struct fini_hook *hook)
{
    int saved = errno;
    int error = valid(hook) ? fini__hooks_add(hook) : FINI_EINVAL;
    errno = saved;
    return error;
}

/* From constructors that run before any other code of the image. glibc runs them a second time when
 * a finalizer of the image opens a library that depends on it (seen in 2.36): then there is nothing
 * to add. */
FINI_COLD void fini__hook_add_file(struct fini_hook *hook)
{
    bool early = wants_to_be_early(hook);
    bool locked = take();
    bool added = hook->fini__state == 0 && !hooks.sealed;
    if (added)
        link_at(place_in_file(hook), hook);
    if (added && early)
        fini__platform_early_exit();
    let_go(locked);
}

static int remove_locked(struct fini_hook *hook)
{
    if (hook->fini__state == ADDED) {
        withdraw(hook);
        return FINI_OK;
    }
    uintptr_t thread;
    const struct fini__run *run = run_of_hook(hook, &thread);
    if (!run)
        return FINI_ENOENT;
    return run->abandoned || thread == fini__platform_thread() ? FINI_OK : FINI_EAGAIN;
}

/* The hook may free itself while it runs, so its memory is not looked at again. */
FINI_COLD static int wait_for_run(const struct fini_hook *hook)
{
    for (unsigned round = 0;; round++) {
        fini__platform_pause(round);
        if (!fini__lock_take(&hooks.lock))
            return FINI_EDEADLK;
        uintptr_t thread;
        const struct fini__run *run = run_of_hook(hook, &thread);
        bool running = run && !run->abandoned;
        fini__lock_drop(&hooks.lock);
        if (!running)
            return FINI_OK;
    }
}

int fini_remove(struct fini_hook *hook)
{
    int saved = errno;
    if (!hook)
        return FINI_EINVAL;
    if (!fini__lock_take(&hooks.lock))
        return FINI_EDEADLK;
    int error = remove_locked(hook);
    fini__lock_drop(&hooks.lock);
    if (error == FINI_EAGAIN)
        error = wait_for_run(hook);
    errno = saved;
    return error;
}

/* ---- running --------------------------------------------------------------------------------- */

/* A hook before it may have forked, so the process is looked at each time. */
static bool wanted(const struct fini_hook *hook, unsigned moments)
{
    return hook->fini__state == ADDED && (hook->when & moments) &&
           !((hook->when & FINI_NOT_IN_CHILD) && fini_forked());
}

/* Ends the call of the hook before, if there was one, and begins the next. False: none is left. */
static bool advance(struct fini__run *run, unsigned moments, struct fini_hook *ret)
{
    /* `take` without the call, which would be a quarter of the whole. */
    bool locked = fini__lock_needed(&hooks.lock) && fini__lock_take(&hooks.lock);
    struct fini_hook *hook = run->cursor;
    while (hook && !wanted(hook, moments))
        hook = hook->fini__next;
    run->hook = hook;
    if (hook) {
        run->cursor = hook->fini__next;
        ret->fn = hook->fn;
        ret->arg = hook->arg;
        if (FINI_UNLIKELY(run->outer || hooks.lane[FINI__LANE_EARLY].runs))
            leave(hook); /* another run may have its cursor here */
        unlink_hook(hook, STARTED);
    }
    let_go(locked);
    return hook != NULL;
}

/* Runs the hooks for these moments and counts them. Never returns when a hook calls exit(). */
void fini__hooks_run(enum fini__lane lane, fini_reason why, unsigned moments, unsigned *ran)
{
    struct fini__run run = {.why = why};
    struct fini_hook hook;

    hook.fn = NULL; /* gcc 14 does not see that it is set where there is a hook */
    hook.arg = NULL;
    begin_run(lane, &run);
    while (advance(&run, moments, &hook)) {
        ++*ran;
        hook.fn(hook.arg, why);
    }
    end_run(lane, &run);
}

/* A predefined handler is told nothing, but may ask fini_why. */
FINI_COLD void fini__hooks_call(void (*handler)(void), fini_reason why)
{
    struct fini__run run = {.why = why};
    begin_run(FINI__LANE_FINAL, &run);
    handler();
    end_run(FINI__LANE_FINAL, &run);
}

/* ---- finalization ---------------------------------------------------------------------------- */

/* From here on only hooks of this finalization add hooks. */
FINI_COLD void fini__hooks_seal(unsigned moments)
{
    bool locked = take();
    hooks.sealed_for = moments;
    hooks.sealed_by = fini__platform_thread();
    hooks.sealed = true;
    let_go(locked);
}

FINI_COLD bool fini__hooks_any(void)
{
    bool locked = take();
    bool any = hooks.first != NULL;
    let_go(locked);
    return any;
}

/* A hook of this thread has called exit(): what the thread was doing further down on its stack does
 * not go on, and nobody is to wait for it; but its hooks are not run a second time either. */
FINI_COLD void fini__hooks_abandon(void)
{
    bool locked = take();
    for (int n = 0; n < FINI__LANES; n++) {
        if (hooks.lane[n].thread != fini__platform_thread())
            continue;
        for (struct fini__run *run = hooks.lane[n].runs; run; run = run->outer) {
            run->abandoned = true;
            run->cursor = NULL;
        }
    }
    let_go(locked);
}

/* At unload, last: hooks that were for another reason may live in memory that outlives the image,
 * and must be fit to be added to its next copy. */
FINI_COLD void fini__hooks_forget(void)
{
    bool locked = take();
    while (hooks.first)
        withdraw(hooks.first);
    let_go(locked);
}

/* What the innermost hook of this thread was told; FINI_RUNNING outside hooks. */
FINI_COLD fini_reason fini__hooks_why(void)
{
    bool locked = take();
    const struct fini__run *run = run_of_thread(fini__platform_thread());
    fini_reason why = run ? run->why : FINI_RUNNING;
    let_go(locked);
    return why;
}
