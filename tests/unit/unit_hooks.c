/* SPDX-License-Identifier: MIT
 *
 * Adding, removing, order, and what a hook may do to the list while it runs.
 *
 * Leaves to others: the order of whole lives (unit_image.c), all orders of events (orders.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

/* ---- errors of fini_add and fini_remove ------------------------------------------------------ */

CASE(add_invalid)
{
    static const unsigned bad[] = {0, 4, 16, 1 | 16, 3 | 32, 0x80000000u, ~0u};
    probe_start();
    require_eq(fini_add(NULL), FINI_EINVAL);
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        A.hook.when = bad[n];
        require_eq(fini_add(&A.hook), FINI_EINVAL);
    }
    A.hook.when = FINI_ALWAYS;
    A.hook.fn = NULL;
    require_eq(fini_add(&A.hook), FINI_EINVAL);
    require(!fini__hooks_any());
}

CASE(add_every_valid_when)
{
    for (unsigned when = 1; when < 16; when++) {
        probe_start();
        A.hook.when = when;
        require_eq(fini_add(&A.hook), when == 4 ? FINI_EINVAL : FINI_OK);
        require_eq(fake.early_armed, (when & FINI_ON_EXIT_BEGIN) != 0);
        require(fake.watched || when == 4);
    }
}

CASE(add_twice)
{
    probe_start();
    add_all();
    for (struct fini_hook *hook = &A.hook; hook; hook = hook == &A.hook ? &C.hook : NULL)
        require_eq(fini_add(hook), FINI_EBUSY);
    require(inside_whole());
}

CASE(remove_what_is_not_there)
{
    probe_start();
    require_eq(fini_remove(NULL), FINI_EINVAL);
    require_eq(fini_remove(&A.hook), FINI_ENOENT);
    add(&A);
    require_eq(fini_remove(&B.hook), FINI_ENOENT);
    require_eq(fini_remove(&A.hook), FINI_OK);
    require_eq(fini_remove(&A.hook), FINI_ENOENT);
    require(!fini__hooks_any());
}

CASE(memory_that_nobody_initialized)
{
    for (unsigned fill = 0; fill < 256; fill++) {
        probe_start();
        memset(&A.hook, (int)fill, sizeof A.hook);
        require_eq(fini_remove(&A.hook), FINI_ENOENT);
        probe_set(&A, "A", FINI_ALWAYS, NULL);
        require_eq(fini_add(&A.hook), FINI_OK);
        require_eq(fini_add(&A.hook), FINI_EBUSY);
        require_eq(fini_remove(&A.hook), FINI_OK);
    }
}

CASE(each_of_three_is_removed_and_added_again, .expect =
    "C unload\nB unload\nA unload\n"
    "A unload\nC unload\nB unload\n"
    "B unload\nC unload\nA unload\n"
    "C unload\nB unload\nA unload\n")
{
    struct probe *probes[] = {NULL, &A, &B, &C};
    for (int n = 0; n < 4; n++) {
        probe_start();
        add_all();
        if (probes[n]) {
            drop(probes[n]);
            add(probes[n]);
        }
        fake_finalize(FINI_UNLOAD);
    }
}

CASE(a_handler_of_a_signal_inside_the_lock)
{
    probe_start();
    add(&A);
    require(fini__lock_take(inside_lock()));
    require_eq(fini_add(&B.hook), FINI_EDEADLK);
    require_eq(fini_remove(&A.hook), FINI_EDEADLK);
    require_eq(fini__lock_take(inside_lock()), false);
    fini__lock_drop(inside_lock());
    drop(&A);
    add(&B);
}

/* The holder never resumes, so hooks run without the lock. */
CASE(exit_from_a_signal_handler_inside_the_lock, .expect = "B exit\nA exit\n")
{
    probe_start();
    add(&A);
    add(&B);
    require(fini__lock_take(inside_lock()));
    fake_finalize(FINI_EXIT);
    require_eq(inside_lock()->owner, 1);
}

CASE(exit_from_a_signal_handler_inside_the_only_thread, .expect = "B exit\nA exit\n")
{
    probe_start();
    fake.alone = true;
    add(&A);
    add(&B);
    require(fini__lock_take(inside_lock()));
    require_eq(fini_add(&A.hook), FINI_EDEADLK);
    fake_finalize(FINI_EXIT);
    require_eq(inside_lock()->owner, 1);
}

static void holder_drops(unsigned round)
{
    if (round == 1)
        fini__lock_drop(inside_lock());
}

CASE(add_and_remove_wait_for_the_lock)
{
    probe_start();
    fake.on_pause = holder_drops;
    for (int n = 0; n < 2; n++) {
        fake.thread = 2;
        require(fini__lock_take(inside_lock()));
        fake.thread = 1;
        require_eq(n == 0 ? fini_add(&A.hook) : fini_remove(&A.hook), FINI_OK);
    }
    require_eq(fake.pauses, 4);
}

/* ---- order ----------------------------------------------------------------------------------- */

struct file_hook {
    const char *file;
    unsigned order;
    char name[8];
};

static struct fini_hook file_hooks[8];

static void file_hook_run(void *arg, fini_reason why)
{
    (void)why;
    say("%s", (const char *)arg);
}

static void add_file(struct fini_hook *hook, const char *file, unsigned order, const char *name)
{
    *hook = (struct fini_hook)FINI_HOOK_INIT(file_hook_run, (void *)(size_t)name, FINI_ALWAYS);
    hook->fini__file = file;
    hook->fini__order = order;
    fini__hook_add_file(hook);
    require(inside_whole());
}

CASE(file_scope_is_older_than_all_added, .expect = "B unload\nA unload\na2\na1\nb2\nb1\n")
{
    probe_start();
    add_file(&file_hooks[0], "b.c", 1, "b1");
    add_file(&file_hooks[1], "b.c", 2, "b2");
    add(&A);
    add_file(&file_hooks[2], "a.c", 2, "a2");
    add(&B);
    add_file(&file_hooks[3], "a.c", 1, "a1");
    fake_finalize(FINI_UNLOAD);
}

CASE(file_scope_hooks_can_be_removed_and_added, .expect =
    "B unload\nA unload\n3\n1\n" "2\n3\n1\n" "1\n")
{
    static const char *const names[] = {"1", "2", "3"};
    for (int round = 0; round < 3; round++) {
        probe_start();
        for (unsigned n = 0; n < 3; n++)
            add_file(&file_hooks[n], "a.c", n, names[n]);
        require_eq(fini_remove(&file_hooks[1]), FINI_OK);
        if (round == 0)
            add(&A), add(&B);
        if (round == 1)
            require_eq(fini_add(&file_hooks[1]), FINI_OK);
        if (round == 2)
            require_eq(fini_remove(&file_hooks[2]), FINI_OK);
        require(inside_whole());
        fake_finalize(FINI_UNLOAD);
    }
}

/* What ran, one letter a hook, for looking at many orders without saying all. */
static char ran[16];

static void note_letter(void *arg, fini_reason why)
{
    (void)why;
    strncat(ran, arg, 1);
}

/* The n-th order of `count` things. */
static void permute(unsigned n, unsigned count, unsigned *ret)
{
    for (unsigned k = 0; k < count; k++)
        ret[k] = k;
    for (unsigned k = count; k > 1; n /= k, k--) {
        unsigned other = n % k, kept = ret[k - 1];
        ret[k - 1] = ret[other];
        ret[other] = kept;
    }
}

static void run_file_hooks(const char *const files[4], const unsigned order[4])
{
    static char letters[] = "abcd";
    probe_start();
    ran[0] = '\0';
    for (unsigned k = 0; k < 4; k++) {
        unsigned n = order[k];
        file_hooks[n] = (struct fini_hook)FINI_HOOK_INIT(note_letter, &letters[n], FINI_ALWAYS);
        file_hooks[n].fini__file = files[n];
        file_hooks[n].fini__order = n;
        fini__hook_add_file(&file_hooks[n]);
    }
    fake_finalize(FINI_EXIT);
    require_eq(strlen(ran), 4);
}

CASE(later_in_the_file_is_newer_in_any_order_of_constructors)
{
    static const char *const one_file[] = {"x.c", "x.c", "x.c", "x.c"};
    unsigned order[4];
    for (unsigned n = 0; n < 24; n++) {
        permute(n, 4, order);
        run_file_hooks(one_file, order);
        if (strcmp(ran, "dcba") != 0)
            say("constructors %u%u%u%u: %s", order[0], order[1], order[2], order[3], ran);
    }
}

/* As when a header with a hook is included between two hooks of a file. */
CASE(later_in_the_file_is_newer_between_hooks_of_another)
{
    static const char *const two_files[] = {"x.c", "x.h", "x.c", "x.h"};
    unsigned order[4];
    for (unsigned n = 0; n < 24; n++) {
        permute(n, 4, order);
        run_file_hooks(two_files, order);
        if (strchr(ran, 'c') > strchr(ran, 'a') || strchr(ran, 'd') > strchr(ran, 'b'))
            say("constructors %u%u%u%u: %s", order[0], order[1], order[2], order[3], ran);
    }
}

CASE(files_whose_names_begin_alike, .expect = "4\n2\n1\n3\n")
{
    probe_start();
    add_file(&file_hooks[0], "a", 9, "1");
    add_file(&file_hooks[1], "a.c", 5, "2");
    add_file(&file_hooks[2], "a", 1, "3");
    add_file(&file_hooks[3], "a.cc", 0, "4");
    fake_finalize(FINI_EXIT);
}

/* ---- hooks that add -------------------------------------------------------------------------- */

static void add_other(struct probe *self)
{
    add(self->other);
}

static void act_add(struct probe *self, struct probe *other)
{
    self->act = add_other;
    self->other = other;
}

CASE(an_added_hook_runs_next, .expect = "B unload\nC unload\nA unload\n")
{
    probe_start();
    act_add(&B, &C);
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
}

CASE(a_begin_hook_added_at_exit_is_not_armed, .expect = "A exit\nB exit\n")
{
    probe_start();
    act_add(&A, &B);
    B.hook.when = FINI_ON_EXIT_BEGIN;
    add(&A);
    fake_finalize(FINI_EXIT);
    require(!fake.early_armed);
}

CASE(the_last_hook_adds, .expect = "A exit\nB exit\nC exit\n")
{
    probe_start();
    act_add(&A, &B);
    act_add(&B, &C);
    add(&A);
    fake_finalize(FINI_EXIT);
    require(!fini__hooks_any());
}

CASE(a_hook_for_another_reason_is_too_late, .expect =
    "A unload\nadd B: too late: finalization has begun\n")
{
    probe_start();
    act_add(&A, &B);
    B.hook.when = FINI_ON_EXIT;
    add(&A);
    fake_finalize(FINI_UNLOAD);
}

CASE(a_hook_that_has_run_is_added_again, .expect = "B unload\nA unload\nB unload\n")
{
    probe_start();
    act_add(&A, &B);
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
}

static void add_self(struct probe *self)
{
    add(self);
}

static void drop_self(struct probe *self)
{
    drop(self);
    drop(self);
}

CASE(a_hook_adds_itself, .expect = "A unload\nadd A: in use: already added, or running now\n")
{
    probe_start();
    A.act = add_self;
    add(&A);
    fake_finalize(FINI_UNLOAD);
}

CASE(a_hook_removes_itself, .expect = "B unload\nA unload\n")
{
    probe_start();
    B.act = drop_self;
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
    require_eq(fini_remove(&B.hook), FINI_ENOENT);
}

static void add_from_thread_2(struct probe *self)
{
    fake.thread = 2;
    add(self->other);
    fake.thread = 1;
}

CASE(another_thread_adds_too_late, .expect =
    "A unload\nadd B: too late: finalization has begun\n")
{
    probe_start();
    A.act = add_from_thread_2;
    A.other = &B;
    add(&A);
    fake_finalize(FINI_UNLOAD);
}

CASE(after_exit_it_is_too_late_outside_hooks, .expect =
    "A exit\nadd A: too late: finalization has begun\nadd C: too late: finalization has begun\n")
{
    probe_start();
    add(&A);
    B.hook.when = FINI_ON_UNLOAD;
    add(&B);
    fake_finalize(FINI_EXIT);
    add(&A);
    require_eq(fini_add(&B.hook), FINI_EBUSY);
    drop(&B);
    add(&C);
}

/* ---- hooks that remove ----------------------------------------------------------------------- */

static void drop_other(struct probe *self)
{
    drop(self->other);
}

static void act_drop(struct probe *self, struct probe *other)
{
    self->act = drop_other;
    self->other = other;
}

CASE(a_hook_removes_the_next, .expect = "C unload\nA unload\n")
{
    probe_start();
    act_drop(&C, &B);
    add_all();
    fake_finalize(FINI_UNLOAD);
}

CASE(a_hook_removes_the_last, .expect = "C unload\nB unload\n")
{
    probe_start();
    act_drop(&C, &A);
    add_all();
    fake_finalize(FINI_UNLOAD);
}

CASE(a_hook_removes_one_that_was_passed_over, .expect = "B exit\nA exit\n")
{
    probe_start();
    C.hook.when = FINI_ON_UNLOAD;
    act_drop(&B, &C);
    add_all();
    fake_finalize(FINI_EXIT);
    require_eq(fini_remove(&C.hook), FINI_ENOENT);
}

CASE(a_hook_removes_one_that_is_not_for_the_reason, .expect = "C exit\nA exit\n")
{
    probe_start();
    B.hook.when = FINI_ON_UNLOAD;
    act_drop(&C, &B);
    add_all();
    fake_finalize(FINI_EXIT);
    require(!fini__hooks_any());
}

CASE(a_hook_removes_one_that_has_run, .expect =
    "C unload\nB unload\nremove C: not there\nA unload\n")
{
    probe_start();
    act_drop(&B, &C);
    add_all();
    fake_finalize(FINI_UNLOAD);
}

static void add_and_drop_other(struct probe *self)
{
    add(self->other);
    drop(self->other);
}

CASE(a_hook_adds_and_removes, .expect = "B unload\nA unload\n")
{
    probe_start();
    B.act = add_and_drop_other;
    B.other = &C;
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void free_self(void *arg, fini_reason why)
{
    say("freed %s", fini_reason_name(why));
    free(arg);
}

static struct fini_hook *add_from_heap(fini_fn *fn)
{
    struct fini_hook *hook = malloc(sizeof *hook);
    *hook = (struct fini_hook){.fn = fn, .arg = hook, .when = FINI_ALWAYS};
    require_eq(fini_add(hook), FINI_OK);
    return hook;
}

CASE(hooks_free_themselves, .expect = "freed unload\nA unload\nfreed unload\nfreed unload\n")
{
    probe_start();
    add_from_heap(free_self);
    add_from_heap(free_self);
    add(&A);
    add_from_heap(free_self);
    fake_finalize(FINI_UNLOAD);
}

static void reuse_own_memory(void *arg, fini_reason why)
{
    struct fini_hook *hook = arg;
    say("reused %s", fini_reason_name(why));
    memset(hook, 0xaa, sizeof *hook);
    *hook = (struct fini_hook){.fn = free_self, .arg = hook, .when = FINI_ALWAYS};
    say("%s", fini_strerror(fini_add(hook)));
}

/* The same address is another hook to its owner, and the hook at it still runs: it is refused
 * until that has returned. */
CASE(memory_of_a_running_hook_is_in_use_until_it_returns, .expect =
    "reused unload\nsuccess\nfreed unload\nA unload\n")
{
    probe_start();
    add(&A);
    add_from_heap(reuse_own_memory);
    fake_finalize(FINI_UNLOAD);
}

static struct fini_hook recycled;

static void add_recycled(struct probe *self)
{
    memset(&recycled, 0xaa, sizeof recycled);
    recycled = (struct fini_hook)FINI_HOOK_INIT(file_hook_run, (void *)(size_t) "second",
                                                FINI_ALWAYS);
    require_eq(fini_add(&recycled), FINI_OK);
    (void)self;
}

CASE(memory_of_a_hook_that_has_run_is_free, .expect = "first\nB unload\nsecond\nA unload\n")
{
    probe_start();
    B.act = add_recycled;
    add(&A);
    add(&B);
    recycled = (struct fini_hook)FINI_HOOK_INIT(file_hook_run, (void *)(size_t) "first",
                                                FINI_ALWAYS);
    require_eq(fini_add(&recycled), FINI_OK);
    fake_finalize(FINI_UNLOAD);
}

/* ---- other threads --------------------------------------------------------------------------- */

static void remove_self_from_thread_2(struct probe *self)
{
    fake.thread = 2;
    self->act = NULL;
    drop(self);
    fake.thread = 1;
    say("pauses %u", fake.pauses);
}

static void hook_returns_in_round_2(unsigned round)
{
    if (round != 2)
        return;
    say("hook returns");
    uintptr_t self = fake.thread;
    fake.thread = 3;
    fake_fork(); /* drops what other threads run */
    fake.thread = self;
}

/* The run ends in the middle of fini_remove: here because thread 3 forked,
 * in threads.c because the hook really returns. */
CASE(remove_waits_for_the_hook_of_another_thread, .expect =
    "A unload\nhook returns\npauses 3\nB unload\n")
{
    probe_start();
    add(&B);
    add(&A);
    A.act = remove_self_from_thread_2;
    fake.on_pause = hook_returns_in_round_2;
    fake_finalize(FINI_UNLOAD);
}

static void spoil_errno(struct probe *self)
{
    (void)self;
    errno = EDOM;
}

CASE(errno_is_kept_by_finalization, .expect = "A exit\nB exit\n")
{
    probe_start();
    add(&B);
    add(&A);
    A.act = spoil_errno;
    B.hook.when = FINI_ON_EXIT;
    fake.trace = true;
    errno = 77;
    fake_finalize(FINI_EXIT);
    require_eq(errno, 77);
}

CASE(errno_is_kept_by_the_other_entries, .expect = "B exit\n")
{
    probe_start();
    B.hook.when = FINI_ON_EXIT_BEGIN;
    B.act = spoil_errno;
    add(&B);
    errno = 77;
    fini_why();
    require_eq(errno, 77);
    fini__image_exit_begins();
    require_eq(errno, 77);
    fake_fork();
    fini_exiting();
    fini_forked();
    fini_strerror(3);
    fini_reason_name(FINI_EXIT);
    require_eq(errno, 77);
}

CASE(errno_is_kept_by_add_that_arms_early_exit)
{
    probe_start();
    A.hook.when = FINI_ON_EXIT_BEGIN;
    errno = 77;
    require_eq(fini_add(&A.hook), FINI_OK);
    require_eq(errno, 77);
}

CASE(errno_is_kept_by_add_that_waits)
{
    probe_start();
    fake.on_pause = holder_drops;
    fake.thread = 2;
    require(fini__lock_take(inside_lock()));
    fake.thread = 1;
    errno = 77;
    require_eq(fini_add(&A.hook), FINI_OK);
    require_eq(errno, 77);
}

static void remove_self_and_look_at_errno(struct probe *self)
{
    self->act = NULL;
    fake.thread = 2;
    errno = 77;
    require_eq(fini_remove(&self->hook), FINI_OK);
    require_eq(errno, 77);
    fake.thread = 1;
}

CASE(errno_is_kept_by_remove_that_waits, .expect = "A unload\nhook returns\n")
{
    probe_start();
    add(&A);
    A.act = remove_self_and_look_at_errno;
    fake.on_pause = hook_returns_in_round_2;
    fake_finalize(FINI_UNLOAD);
}
