/* SPDX-License-Identifier: MIT
 *
 * Pins and holds on the fake platform: every error, what other threads may do while one is inside
 * the platform, and every order of up to five calls, some of which the platform refuses.
 *
 * Leaves to others: what a reference does to a real image (tests/mapped).
 */
#include <errno.h>
#include <string.h>

#include "probe.h"

static struct fini_hold hold, second_hold;

static void start(void)
{
    probe_start();
    memset(&hold, 0, sizeof hold);
    memset(&second_hold, 0, sizeof second_hold);
}

/* ---- errors ---------------------------------------------------------------------------------- */

CASE(hold_of_nothing)
{
    start();
    require_eq(fini_hold(NULL), FINI_EINVAL);
    require_eq(fini_release(NULL), FINI_EINVAL);
    require_eq(fini_release(&hold), FINI_ENOENT);
    require_eq(fake.references, 0);
    require(strcmp(fake.log, "") == 0);
}

CASE(hold_and_release_once)
{
    start();
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(fini_hold(&hold), FINI_EBUSY);
    require_eq(fake.references, 1);
    require_eq(fini_release(&hold), FINI_OK);
    require_eq(fini_release(&hold), FINI_ENOENT);
    require_eq(fake.references, 0);
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(fake.references, 1);
}

CASE(hold_counts_each_for_itself)
{
    start();
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(fini_hold(&second_hold), FINI_OK);
    require_eq(fake.references, 2);
    require_eq(fini_release(&hold), FINI_OK);
    require_eq(fini_release(&hold), FINI_ENOENT);
    require_eq(fake.references, 1);
}

CASE(hold_memory_that_nobody_initialized)
{
    for (unsigned fill = 0; fill < 256; fill++) {
        start();
        memset(&hold, (int)fill, sizeof hold);
        require_eq(fini_release(&hold), FINI_ENOENT);
        require_eq(fini_hold(&hold), FINI_OK);
        require_eq(fini_hold(&hold), FINI_EBUSY);
        require_eq(fini_release(&hold), FINI_OK);
    }
}

static const int refusals[] = {FINI_ENOTSUP, FINI_ESYSTEM, FINI_ENOMEM, FINI_EAGAIN,
                               FINI_EFINALIZING};

CASE(hold_refused_changes_nothing)
{
    for (size_t n = 0; n < sizeof refusals / sizeof *refusals; n++) {
        start();
        fake.refuses = refusals[n];
        require_eq(fini_hold(&hold), refusals[n]);
        require_eq(fini_pin(), refusals[n]);
        require_eq(fini_hold_for_thread(), refusals[n]);
        require_eq(fini_traits(), 0);
        require(hold.fini__reference == NULL);
        require_eq(fini_release(&hold), FINI_ENOENT);
        fake.refuses = FINI_OK;
        require_eq(fini_hold(&hold), FINI_OK);
        require_eq(fini_pin(), FINI_OK);
        require_eq(fini_traits(), FINI_PINNED);
    }
}

CASE(release_refused_is_still_held)
{
    for (size_t n = 0; n < sizeof refusals / sizeof *refusals; n++) {
        start();
        require_eq(fini_hold(&hold), FINI_OK);
        fake.refuses = refusals[n];
        require_eq(fini_release(&hold), refusals[n]);
        require_eq(fini_hold(&hold), FINI_EBUSY);
        require_eq(fake.references, 1);
        fake.refuses = FINI_OK;
        require_eq(fini_release(&hold), FINI_OK);
        require_eq(fake.references, 0);
    }
}

CASE(pin_once)
{
    start();
    require_eq(fini_pin(), FINI_OK);
    require_eq(fini_pin(), FINI_OK);
    require_eq(fake.references, 1);
}

/* Where nothing is ever unloaded the platform hands out no reference, and gets none back. */
CASE(hold_where_nothing_unloads)
{
    static const unsigned traits[] = {FINI_AT_STARTUP, FINI_AT_STARTUP | FINI_IN_PROGRAM,
                                      FINI_PINNED, FINI_NEVER_UNLOADS};
    for (size_t n = 0; n < sizeof traits / sizeof *traits; n++) {
        start();
        fake.traits = traits[n];
        require_eq(fini_traits(), traits[n]);
        require_eq(fini_hold(&hold), FINI_OK);
        require_eq(fini_hold(&hold), FINI_EBUSY);
        require_eq(fini_release(&hold), FINI_OK);
        require_eq(fini_release(&hold), FINI_ENOENT);
        require_eq(fini_pin(), FINI_OK);
        require_eq(fini_traits(), traits[n] | FINI_PINNED);
        require_eq(fini_hold_for_thread(), FINI_OK);
        require(strstr(fake.log, "unrefer") == NULL);
    }
}

CASE(hold_keeps_errno)
{
    start();
    errno = 4711;
    fini_traits();
    require_eq(errno, 4711);
    fini_hold(&hold);
    require_eq(errno, 4711);
    fini_release(&hold);
    require_eq(errno, 4711);
    fini_pin();
    fini_hold_for_thread();
    require_eq(errno, 4711);
    fake.refuses = FINI_ESYSTEM;
    fini_hold(&hold);
    fini_release(&second_hold);
    fini_hold_for_thread();
    require_eq(errno, 4711);
}

/* ---- too late -------------------------------------------------------------------------------- */

static void try_all(void)
{
    require_eq(fini_hold(&second_hold), FINI_EFINALIZING);
    require_eq(fini_hold_for_thread(), FINI_EFINALIZING);
    require_eq(fini_release(&hold), FINI_OK);
    require_eq(fini_release(&hold), FINI_ENOENT);
    say("pin: %s", fini_strerror(fini_pin()));
}

static void try_all_in_hook(struct probe *self)
{
    (void)self;
    try_all();
}

/* The reference is not given back: a finalizer must not ask the loader for anything. */
static void try_in_finalization(fini_reason why)
{
    start();
    require_eq(fini_hold(&hold), FINI_OK);
    A.act = try_all_in_hook;
    add(&A);
    fake_finalize(why);
    require_eq(fini_hold(&hold), FINI_EFINALIZING);
    require_eq(fini_pin(), FINI_EFINALIZING);
    require_eq(fake.references, 1);
    require(strstr(fake.log, "unrefer") == NULL);
}

CASE(hold_is_too_late, .expect =
    "A unload\npin: too late: finalization has begun\n"
    "A unload at exit\npin: too late: finalization has begun\n"
    "A exit\npin: too late: finalization has begun\n")
{
    try_in_finalization(FINI_UNLOAD);
    try_in_finalization(FINI_UNLOAD_AT_EXIT);
    try_in_finalization(FINI_EXIT);
}

CASE(hold_in_own_exit_handlers, .expect = "pin: too late: finalization has begun\n")
{
    start();
    require_eq(fini_hold(&hold), FINI_OK);
    fake.on_own_handlers = try_all;
    fake_finalize(FINI_EXIT);
}

CASE(pinned_before_is_not_too_late)
{
    start();
    require_eq(fini_pin(), FINI_OK);
    fake_finalize(FINI_EXIT);
    require_eq(fini_pin(), FINI_OK);
}

/* ---- the lock -------------------------------------------------------------------------------- */

/* A signal handler that interrupted fini_hold finds the lock with its own thread. */
CASE(hold_in_a_signal_handler)
{
    start();
    require_eq(fini_hold(&second_hold), FINI_OK);
    require(fini__lock_take(inside_holds_lock()));
    require_eq(fini_hold(&hold), FINI_EDEADLK);
    require_eq(fini_release(&second_hold), FINI_EDEADLK);
    fini__lock_drop(inside_holds_lock());
    require_eq(fake.references, 1);
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(fini_release(&second_hold), FINI_OK);
}

static void drop_by_thread_2(unsigned round)
{
    if (round < 3)
        return;
    fake.thread = 2;
    fini__lock_drop(inside_holds_lock());
    fake.thread = 1;
}

CASE(hold_waits_for_the_lock)
{
    start();
    fake.thread = 2;
    require(fini__lock_take(inside_holds_lock()));
    fake.thread = 1;
    fake.on_pause = drop_by_thread_2;
    errno = 4711;
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(errno, 4711);
    require_eq(fake.pauses, 4);
}

CASE(hold_lock_is_free_in_a_child)
{
    start();
    require_eq(fini_hold(&hold), FINI_OK);
    fake.thread = 2;
    require(fini__lock_take(inside_holds_lock()));
    fake.thread = 1;
    fake_fork();
    require_eq(fini_release(&hold), FINI_OK);
    require_eq(fake.pauses, 0);
}

/* ---- while another thread is inside the platform --------------------------------------------- */

static bool inside_platform;
static unsigned meanwhile_calls;

/* Thread 2, on the hold that thread 1 has begun to change. It is not waited for, and the lock is
 * free: a finalizer under the loader's lock, for which thread 1 may wait, must get it. */
static void meanwhile(void)
{
    if (inside_platform)
        return;
    inside_platform = true;
    uintptr_t thread = fake.thread;
    int refuses = fake.refuses, references = fake.references;
    fake.thread = thread + 1;
    fake.refuses = FINI_OK;
    require_eq(fini_hold(&hold), FINI_EBUSY);
    require_eq(fini_release(&hold), FINI_ENOENT);
    require_eq(fini_hold(&second_hold), FINI_OK);
    require_eq(fini_release(&second_hold), FINI_OK);
    require_eq(fake.references, references);
    require(fini__lock_take(inside_holds_lock()));
    fini__lock_drop(inside_holds_lock());
    fake.thread = thread;
    fake.refuses = refuses;
    inside_platform = false;
    meanwhile_calls++;
}

CASE(hold_of_two_threads_at_once)
{
    start();
    fake.on_refer = fake.on_unrefer = meanwhile;
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(fini_release(&hold), FINI_OK);
    fake.refuses = FINI_ESYSTEM;
    require_eq(fini_hold(&hold), FINI_ESYSTEM);
    fake.refuses = FINI_OK;
    require_eq(fini_hold(&hold), FINI_OK);
    fake.refuses = FINI_EAGAIN;
    require_eq(fini_release(&hold), FINI_EAGAIN);
    require_eq(fake.references, 1);
    require_eq(meanwhile_calls, 5);
}

static void pin_by_thread_2(void)
{
    fake.on_refer = NULL;
    fake.thread = 2;
    require_eq(fini_pin(), FINI_OK);
    fake.thread = 1;
}

/* Even where the first is refused, it is pinned. */
CASE(pin_of_two_threads_at_once)
{
    start();
    fake.on_refer = pin_by_thread_2;
    require_eq(fini_pin(), FINI_OK);
    require_eq(fini_traits(), FINI_PINNED);
    require(fake.references >= 1);
}

/* ---- every order ----------------------------------------------------------------------------- */

enum call { HOLD, RELEASE, PIN, HOLD_REFUSED, RELEASE_REFUSED, PIN_REFUSED, CALLS };

struct model {
    bool held, pinned;
};

static int model_step(struct model *m, enum call call)
{
    bool refused = call >= HOLD_REFUSED;
    switch (call % HOLD_REFUSED) {
    case HOLD:
        if (!m->held && !refused)
            return m->held = true, FINI_OK;
        return m->held ? FINI_EBUSY : FINI_ESYSTEM;
    case RELEASE:
        if (m->held && !refused)
            return m->held = false, FINI_OK;
        return m->held ? FINI_ESYSTEM : FINI_ENOENT;
    default:
        m->pinned |= !refused;
        return m->pinned ? FINI_OK : FINI_ESYSTEM;
    }
}

static int real_step(enum call call)
{
    fake.refuses = call >= HOLD_REFUSED ? FINI_ESYSTEM : FINI_OK;
    switch (call % HOLD_REFUSED) {
    case HOLD:
        return fini_hold(&hold);
    case RELEASE:
        return fini_release(&hold);
    default:
        return fini_pin();
    }
}

/* Digit n of `order` is the call at step n, made by thread 1 or 3 in turn; thread 2 or 4 calls
 * meanwhile. */
static void run_order(unsigned order)
{
    struct model m = {false, false};
    start();
    for (unsigned n = 0; n < 5; n++, order /= CALLS) {
        enum call call = (enum call)(order % CALLS);
        bool changes_hold = call % HOLD_REFUSED != PIN;
        fake.thread = n % 2 ? 3 : 1;
        fake.on_refer = fake.on_unrefer = changes_hold ? meanwhile : NULL;
        require_eq(real_step(call), model_step(&m, call));
        require_eq(fake.references, m.held + m.pinned);
        require_eq(fini_traits(), m.pinned ? FINI_PINNED : 0);
    }
}

CASE(every_order_of_five_calls)
{
    unsigned orders = CALLS * CALLS * CALLS * CALLS * CALLS;
    for (unsigned order = 0; order < orders; order++)
        run_order(order);
    require(meanwhile_calls > orders);
}
