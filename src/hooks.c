/* SPDX-License-Identifier: MIT
 *
 * The hooks of this image: kept in the caller's memory, run once, newest first.
 *
 * Decides: order, who may add and remove when, what a hook may do to the list while it runs.
 * Leaves to others: why and when hooks run (image.c, reason.c).
 *
 * One list holds all, newest first: what fini_add added, then - from `file` on - the file-scope
 * hooks, which count as older. A pass walks it with a cursor and leaves in place what it is not
 * for. Unlinking moves every cursor off the hook; adding moves the adder's own cursors to it, so
 * that a hook added by a hook runs next.
 *
 * The lock guards everything in `hooks`, and the private members of each added hook, and is never
 * held while a hook runs. Nothing nests inside it.
 *
 * exit() may come from a signal handler that interrupted the holder. Its pass then goes on
 * without the lock, in the knowledge that the holder never resumes. For that, `first` and
 * fini__next form a whole list between any two stores (hence the signal fences), a hook is ADDED
 * only while it is on the list, and a pass believes only ADDED hooks. The rest (fini__link, `file`)
 * may be half done; a forked child whose parent had another thread inside makes it anew (repair).
 *
 *   state        fini_add        fini_remove                pass
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
        struct fini__pass *passes;
    } lane[FINI__LANES];
    bool sealed;            /* a finalization has begun, ... */
    unsigned sealed_for;    /* ... for these moments, ... */
    uintptr_t sealed_by;    /* ... in this thread */
} hooks = {
    .lock = {.process = FINI_LOCK_UNUSED, .forked = forget_other_threads},
    .file = &hooks.first,
};

/* `locked`: what fini__lock_take said; false when this thread held it, below a signal handler. */
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

static void unlink_hook(struct fini_hook *hook, unsigned new_state)
{
    hook->fini__state = new_state;
    atomic_signal_fence(memory_order_seq_cst);
    for (int n = 0; n < FINI__LANES; n++)
        for (struct fini__pass *pass = hooks.lane[n].passes; pass; pass = pass->outer)
            if (pass->cursor == hook)
                pass->cursor = hook->fini__next;
    if (hooks.file == &hook->fini__next)
        hooks.file = hook->fini__link;
    if (hook->fini__next)
        hook->fini__next->fini__link = hook->fini__link;
    *hook->fini__link = hook->fini__next;
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
static struct fini_hook **place_in_file(const struct fini_hook *hook)
{
    struct fini_hook **place = hooks.file;
    for (struct fini_hook **link = hooks.file; *link; link = &(*link)->fini__next)
        if (newer_in_same_file(*link, hook))
            place = &(*link)->fini__next;
    return place;
}

/* ---- who runs what --------------------------------------------------------------------------- */

static struct fini__run *run_of_thread(uintptr_t thread)
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
static struct fini__run *run_of_hook(const struct fini_hook *hook, uintptr_t *thread)
{
    for (int n = 0; n < FINI__LANES; n++)
        for (struct fini__run *run = hooks.lane[n].runs; run; run = run->outer)
            if (run->hook == hook) {
                *thread = hooks.lane[n].thread;
                return run;
            }
    return NULL;
}

static void begin_run(enum fini__lane lane, struct fini__run *run)
{
    hooks.lane[lane].thread = fini__platform_thread();
    run->outer = hooks.lane[lane].runs;
    hooks.lane[lane].runs = run;
}

static void end_run(enum fini__lane lane, struct fini__run *run)
{
    if (hooks.lane[lane].runs == run)
        hooks.lane[lane].runs = run->outer;
}

/* A thread that the child lacks may have been anywhere in link_at and unlink_hook. */
static void repair(void)
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
static void forget_other_threads(void)
{
    if (atomic_load_explicit(&hooks.lock.owner, memory_order_relaxed) == 0)
        repair();
    for (int n = 0; n < FINI__LANES; n++)
        if (hooks.lane[n].thread != fini__platform_thread()) {
            hooks.lane[n].runs = NULL;
            hooks.lane[n].passes = NULL;
        }
}

/* ---- adding and removing --------------------------------------------------------------------- */

static bool valid(const struct fini_hook *hook)
{
    return hook && hook->fn && (hook->when & moments_all) != 0 &&
           (hook->when & ~(moments_all | FINI_NOT_IN_CHILD)) == 0;
}

static bool too_late(const struct fini_hook *hook)
{
    uintptr_t self = fini__platform_thread();
    if (!hooks.sealed)
        return false;
    return hooks.sealed_by != self || !run_of_thread(self) || !(hook->when & hooks.sealed_for);
}

static bool in_use(const struct fini_hook *hook)
{
    uintptr_t thread;
    return hook->fini__state == ADDED ||
           (hook->fini__state == STARTED && run_of_hook(hook, &thread));
}

/* What a hook adds runs next: the passes of its thread go on with it. */
static void go_on_with(struct fini_hook *hook)
{
    for (int n = 0; n < FINI__LANES; n++)
        if (hooks.lane[n].thread == fini__platform_thread())
            for (struct fini__pass *pass = hooks.lane[n].passes; pass; pass = pass->outer)
                pass->cursor = hook;
}

static int add_locked(struct fini_hook *hook)
{
    if (in_use(hook))
        return FINI_EBUSY;
    if (FINI_UNLIKELY(too_late(hook)))
        return FINI_EFINALIZING;
    bool first_is_file = hooks.file == &hooks.first;
    hook->fini__file = NULL;
    link_at(&hooks.first, hook);
    if (first_is_file)
        hooks.file = &hook->fini__next;
    go_on_with(hook);
    return FINI_OK;
}

static int add(struct fini_hook *hook)
{
    if (!fini__lock_take(&hooks.lock))
        return FINI_EDEADLK;
    int error = add_locked(hook);
    bool early = error == FINI_OK && (hook->when & FINI_ON_EXIT_BEGIN) && !hooks.sealed;
    fini__lock_drop(&hooks.lock);
    if (early)
        fini__platform_early_exit();
    fini__platform_watch_exit();
    return error;
}

int fini_add(struct fini_hook *hook)
{
    int saved = errno;
    int error = valid(hook) ? add(hook) : FINI_EINVAL;
    errno = saved;
    return error;
}

/* From constructors that run before any other code of the image. glibc runs them a second time when
 * a finalizer of the image opens a library that depends on it (seen in 2.36): then there is nothing
 * to add. */
void fini__hook_add_file(struct fini_hook *hook)
{
    bool locked = fini__lock_take(&hooks.lock);
    bool added = hook->fini__state == 0 && !hooks.sealed;
    if (added)
        link_at(place_in_file(hook), hook);
    let_go(locked);
    if (added && (hook->when & FINI_ON_EXIT_BEGIN))
        fini__platform_early_exit();
}

static int remove_locked(struct fini_hook *hook)
{
    if (hook->fini__state == ADDED) {
        unlink_hook(hook, 0);
        return FINI_OK;
    }
    uintptr_t thread;
    const struct fini__run *run = run_of_hook(hook, &thread);
    if (!run)
        return FINI_ENOENT;
    return run->abandoned || thread == fini__platform_thread() ? FINI_OK : FINI_EAGAIN;
}

/* The hook may free itself while it runs, so its memory is not looked at again. */
static int wait_for_run(const struct fini_hook *hook)
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
static bool wanted(const struct fini_hook *hook, const struct fini__pass *pass)
{
    return hook->fini__state == ADDED && (hook->when & pass->moments) &&
           !((hook->when & FINI_NOT_IN_CHILD) && fini_forked());
}

static struct fini_hook *next_wanted(struct fini__pass *pass)
{
    while (pass->cursor && !wanted(pass->cursor, pass))
        pass->cursor = pass->cursor->fini__next;
    return pass->cursor;
}

/* Ends the run before, if there was one, and begins the next. False: none is left. */
static bool advance(enum fini__lane lane, struct fini__pass *pass, struct fini__run *run,
                    struct fini_hook *ret)
{
    bool locked = fini__lock_take(&hooks.lock);
    end_run(lane, run);
    struct fini_hook *hook = next_wanted(pass);
    if (hook) {
        unlink_hook(hook, STARTED);
        run->hook = hook;
        ret->fn = hook->fn;
        ret->arg = hook->arg;
        begin_run(lane, run);
    }
    let_go(locked);
    return hook != NULL;
}

static void begin_pass(enum fini__lane lane, struct fini__pass *pass)
{
    bool locked = fini__lock_take(&hooks.lock);
    pass->cursor = hooks.first;
    pass->outer = hooks.lane[lane].passes;
    hooks.lane[lane].passes = pass;
    hooks.lane[lane].thread = fini__platform_thread();
    let_go(locked);
}

static void end_pass(enum fini__lane lane, struct fini__pass *pass)
{
    bool locked = fini__lock_take(&hooks.lock);
    if (hooks.lane[lane].passes == pass)
        hooks.lane[lane].passes = pass->outer;
    let_go(locked);
}

/* Runs the hooks for these moments and counts them. Never returns when a hook calls exit(). */
void fini__hooks_run(enum fini__lane lane, fini_reason why, unsigned moments, unsigned *ran)
{
    struct fini__pass pass = {.moments = moments};
    struct fini__run run = {.why = why};
    struct fini_hook hook;

    begin_pass(lane, &pass);
    while (advance(lane, &pass, &run, &hook)) {
        ++*ran;
        hook.fn(hook.arg, why);
    }
    end_pass(lane, &pass);
}

/* A predefined handler is told nothing, but may ask fini_why. */
void fini__hooks_call(void (*handler)(void), fini_reason why)
{
    struct fini__run run = {.why = why};
    bool locked = fini__lock_take(&hooks.lock);
    begin_run(FINI__LANE_FINAL, &run);
    let_go(locked);
    handler();
    locked = fini__lock_take(&hooks.lock);
    end_run(FINI__LANE_FINAL, &run);
    let_go(locked);
}

/* ---- finalization ---------------------------------------------------------------------------- */

/* From here on only hooks of this finalization add hooks. */
void fini__hooks_seal(unsigned moments)
{
    bool locked = fini__lock_take(&hooks.lock);
    hooks.sealed_for = moments;
    hooks.sealed_by = fini__platform_thread();
    hooks.sealed = true;
    let_go(locked);
}

bool fini__hooks_any(void)
{
    bool locked = fini__lock_take(&hooks.lock);
    bool any = hooks.first != NULL;
    let_go(locked);
    return any;
}

/* A hook of this thread has called exit(): what the thread was doing further down on its stack does
 * not go on, and nobody is to wait for it; but its hooks are not run a second time either. */
void fini__hooks_abandon(void)
{
    bool locked = fini__lock_take(&hooks.lock);
    for (int n = 0; n < FINI__LANES; n++) {
        if (hooks.lane[n].thread != fini__platform_thread())
            continue;
        hooks.lane[n].passes = NULL;
        for (struct fini__run *run = hooks.lane[n].runs; run; run = run->outer)
            run->abandoned = true;
    }
    let_go(locked);
}

/* At unload, last: hooks that were for another reason may live in memory that outlives the image,
 * and must be fit to be added to its next copy. */
void fini__hooks_forget(void)
{
    bool locked = fini__lock_take(&hooks.lock);
    while (hooks.first)
        unlink_hook(hooks.first, 0);
    let_go(locked);
}

/* What the innermost hook of this thread was told; FINI_RUNNING outside hooks. */
fini_reason fini__hooks_why(void)
{
    bool locked = fini__lock_take(&hooks.lock);
    const struct fini__run *run = run_of_thread(fini__platform_thread());
    fini_reason why = run ? run->why : FINI_RUNNING;
    let_go(locked);
    return why;
}
