/* SPDX-License-Identifier: MIT
 *
 * Gates on a fake platform: every state, every error, places that run out, forked children.
 *
 * Decides: what one thread can show that takes turns as several. Each case runs with a compiler
 * barrier for a fence and with fences only, and with the thread at hand served by the fast path and
 * not.
 * Leaves to others: what happens at the same time (tests/gates).
 */
#include <errno.h>
#include <stdlib.h>

#include "fake.h"
#include "harness.h"
#include "inside.h"

static struct fini_gate gate, other_gate;
static uintptr_t self; /* the thread at hand */

enum { OTHER = 2, THIRD = 3 };

static void start(unsigned dead, bool fast)
{
    fake_reset();
    fake.dead = dead;
    inside_reset();
    gate = other_gate = (struct fini_gate)FINI_GATE_INIT;
#ifdef FINI__GATE_INLINE
    self = fast ? (uintptr_t)__builtin_thread_pointer() : 1;
#else
    self = fast ? 4 : 1; /* none of the others */
#endif
    fake.thread = fake.forker = self;
    errno = EDOM;
}

static void finish(void)
{
    require_eq(errno, EDOM);
}

/* A case in each of the four ways. */
#define GATE_CASE(id)                                                \
    static void gate_##id(void);                                     \
    CASE(id)                                                         \
    {                                                                \
        for (int way = 0; way < 4; way++) {                          \
            start(way & 1 ? FAKE_LIGHT_FENCES : 0, way & 2);         \
            gate_##id();                                             \
            finish();                                                \
        }                                                            \
    }                                                                \
    static void gate_##id(void)

static bool enter_as(uintptr_t thread)
{
    uintptr_t was = fake.thread;
    fake.thread = thread;
    bool inside = fini_gate_enter(&gate);
    fake.thread = was;
    return inside;
}

static void leave_as(uintptr_t thread)
{
    uintptr_t was = fake.thread;
    fake.thread = thread;
    fini_gate_leave(&gate);
    fake.thread = was;
}

static int close_as(uintptr_t thread, int64_t timeout)
{
    uintptr_t was = fake.thread;
    fake.thread = thread;
    int error = fini_gate_close(&gate, timeout);
    fake.thread = was;
    return error;
}

/* ---- states and errors ----------------------------------------------------------------------- */

GATE_CASE(open_gate_lets_in)
{
    for (int n = 0; n < 3; n++) {
        require(fini_gate_enter(&gate));
        require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
        require_eq(fini_gate_open(&gate), FINI_OK);
        fini_gate_leave(&gate);
    }
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

GATE_CASE(closed_gate_does_not)
{
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, -1), FINI_OK);
    require(!fini_gate_enter(&gate));
    require(!enter_as(OTHER));
    require_eq(fini_gate_close(&gate, -1), FINI_OK);
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate) && enter_as(OTHER));
}

GATE_CASE(opening_an_open_gate)
{
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate));
    require_eq(fini_gate_open(&gate), FINI_OK);
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
}

GATE_CASE(no_gate)
{
    struct fini_gate *volatile none = NULL;
    require(!fini_gate_enter(none));
    fini_gate_leave(none);
    require_eq(fini_gate_close(none, 0), FINI_EINVAL);
    require_eq(fini_gate_open(none), FINI_EINVAL);
}

GATE_CASE(functions_have_addresses)
{
    bool (*enter)(struct fini_gate *) = fini_gate_enter;
    void (*leave)(struct fini_gate *) = fini_gate_leave;
    require(enter(&gate) && enter(&gate));
    leave(&gate);
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
    leave(&gate);
    require_eq(close_as(OTHER, 0), FINI_OK);
}

GATE_CASE(entering_nests)
{
    for (int n = 0; n < 5; n++)
        require(fini_gate_enter(&gate));
    for (int n = 0; n < 5; n++) {
        require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
        fini_gate_leave(&gate);
    }
    require_eq(close_as(OTHER, 0), FINI_OK);
}

GATE_CASE(who_is_inside_may_enter_while_it_closes)
{
    require(fini_gate_enter(&gate));
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
    require(fini_gate_enter(&gate));
    require(!enter_as(OTHER));
    fini_gate_leave(&gate);
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
    fini_gate_leave(&gate);
    require(!fini_gate_enter(&gate));
    require_eq(close_as(OTHER, 0), FINI_OK);
}

GATE_CASE(a_closer_inside_changes_nothing)
{
    require(fini_gate_enter(&gate));
    require_eq(fini_gate_close(&gate, -1), FINI_EDEADLK);
    require(enter_as(OTHER));
    require_eq(close_as(THIRD, 0), FINI_ETIMEDOUT);
    require_eq(fini_gate_close(&gate, 0), FINI_EDEADLK);
    require(fini_gate_enter(&gate));
}

GATE_CASE(leave_without_enter)
{
    fini_gate_leave(&gate);
    require(enter_as(OTHER));
    fini_gate_leave(&gate);
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    leave_as(OTHER);
    leave_as(OTHER);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate));
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
}

GATE_CASE(gates_do_not_meet)
{
    require(fini_gate_enter(&other_gate));
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
    require(!fini_gate_enter(&gate) && fini_gate_enter(&other_gate));
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&other_gate, 0), FINI_EDEADLK);
    fini_gate_leave(&other_gate);
    fini_gate_leave(&other_gate);
    require_eq(fini_gate_close(&other_gate, 0), FINI_OK);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void other_leaves(unsigned round)
{
    if (round == 2)
        leave_as(OTHER);
}

GATE_CASE(close_waits_and_is_woken)
{
    require(enter_as(OTHER));
    fake.on_wait = other_leaves;
    require_eq(fini_gate_close(&gate, -1), FINI_OK);
    require_eq(fake.waits, 3);
    require_eq(fake.wakes, 1);
    require_eq(fake.fences, 1);
}

GATE_CASE(closing_a_closed_gate_waits_too)
{
    require(enter_as(OTHER));
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    fake.on_wait = other_leaves;
    require_eq(fini_gate_close(&gate, 100), FINI_OK);
    require_eq(fake.waits, 3);
}

GATE_CASE(deadlines)
{
    require(enter_as(OTHER));
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    require_eq(fake.waits, 0);
    require_eq(fini_gate_close(&gate, 7), FINI_ETIMEDOUT);
    require_eq(fake.waits, 7);
    require(!enter_as(THIRD));
    leave_as(OTHER);
    require_eq(fini_gate_close(&gate, 7), FINI_OK);
    require_eq(fake.waits, 7);
}

GATE_CASE(leaving_wakes_nobody_else)
{
    require(fini_gate_enter(&gate) && fini_gate_enter(&other_gate) && enter_as(OTHER));
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    fini_gate_leave(&other_gate);
    leave_as(OTHER);
    require_eq(fake.wakes, 0);
}

static void other_opens_then_leaves(unsigned round)
{
    if (round == 0)
        require_eq(fini_gate_open(&gate), FINI_OK);
    else if (round == 1)
        require(!enter_as(THIRD));
    else
        leave_as(OTHER);
}

GATE_CASE(opened_while_it_closes_it_is_closed_again)
{
    require(enter_as(OTHER));
    fake.on_wait = other_opens_then_leaves;
    require_eq(fini_gate_close(&gate, -1), FINI_OK);
    require_eq(fake.fences, 2);
    require(!fini_gate_enter(&gate));
}

static void other_opens_and_goes_in(void)
{
    if (fake.fences != 1)
        return;
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(enter_as(OTHER));
}

GATE_CASE(who_comes_in_between_is_waited_for)
{
    fake.on_fence = other_opens_and_goes_in;
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    leave_as(OTHER);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

static void open_and_close_once(void)
{
    if (fake.fences != 1)
        return;
    require_eq(fini_gate_open(&gate), FINI_OK);
    require_eq(close_as(OTHER, 0), FINI_OK);
}

/* Closed, and not the same closing: the closer must look again behind a fence. */
GATE_CASE(opened_and_closed_by_another)
{
    fake.on_fence = open_and_close_once;
    require_eq(fini_gate_close(&gate, -1), FINI_OK);
    require_eq(fake.fences, 3);
}

static unsigned closers;

static void next_closes_too(unsigned round)
{
    (void)round;
    if (++closers < 12)
        require_eq(close_as(100 + closers, 1000), FINI_OK);
    else
        leave_as(OTHER);
}

/* More than can be woken. */
GATE_CASE(many_closers)
{
    closers = 0;
    require(enter_as(OTHER));
    fake.on_wait = next_closes_too;
    fake.on_pause = next_closes_too;
    require_eq(fini_gate_close(&gate, 1000), FINI_OK);
}

GATE_CASE(the_system_refuses)
{
    fake.dead |= FAKE_HEAVY_FENCE;
    require_eq(fini_gate_close(&gate, -1), FINI_ESYSTEM);
    require(!fini_gate_enter(&gate));
    fake.dead &= ~(unsigned)FAKE_HEAVY_FENCE;
    require_eq(fini_gate_close(&gate, -1), FINI_OK);
}

/* ---- places come and go ---------------------------------------------------------------------- */

GATE_CASE(without_memory_entries_are_counted)
{
    inside_forget_places();
    fake.dead |= FAKE_MAP;
    require(fini_gate_enter(&gate) && enter_as(OTHER));
    require(!inside_has_places());
    require_eq(close_as(THIRD, 0), FINI_ETIMEDOUT);
    require(!fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    require_eq(close_as(THIRD, 0), FINI_ETIMEDOUT);
    fake.dead &= ~(unsigned)FAKE_MAP;
    leave_as(OTHER);
    require(inside_has_places());
    require_eq(close_as(THIRD, 0), FINI_OK);
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate));
    require_eq(fini_gate_close(&gate, 0), FINI_EDEADLK);
}

/* Its C++ statics come after the hooks, and see who is inside. */
GATE_CASE(places_go_with_the_image)
{
    require(enter_as(OTHER));
    fake_finalize(FINI_UNLOAD);
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    leave_as(OTHER);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
    inside_last_destructor();
    require(!inside_has_places());
    require_eq(fini_gate_open(&gate), FINI_OK);
    require(fini_gate_enter(&gate) && !inside_has_places());
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
    fini_gate_leave(&gate);
    require_eq(close_as(OTHER, 0), FINI_OK);
}

GATE_CASE(places_stay_at_exit)
{
    require(fini_gate_enter(&gate));
    fake_finalize(FINI_EXIT);
    inside_last_destructor();
    require(inside_has_places());
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
}

/* Told exit because nothing was seen: if it is one, other threads are still inside. */
GATE_CASE(places_stay_in_doubt)
{
    require(fini_gate_enter(&gate));
    fake.sight = (struct fini__sight){.finalizer = true};
    fini__image_finalize(&fake);
    inside_last_destructor();
    require(inside_has_places());
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
}

/* ---- places run out -------------------------------------------------------------------------- */

enum { CROWD = INSIDE_NEAR + INSIDE_FAR + 50, FIRST = 1000 };

static void crowd_enters(void)
{
    for (uintptr_t n = 0; n < CROWD; n++)
        require(enter_as(FIRST + 64 * n));
}

static void crowd_leaves_but_one(void)
{
    for (uintptr_t n = 1; n < CROWD; n++) {
        leave_as(FIRST + 64 * n);
        if (n % 100 == 0)
            require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    }
}

GATE_CASE(nobody_is_refused)
{
    for (int round = 0; round < 2; round++) {
        crowd_enters();
        crowd_leaves_but_one();
        require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
        leave_as(FIRST);
        require_eq(fini_gate_close(&gate, 0), FINI_OK);
        require_eq(fini_gate_open(&gate), FINI_OK);
    }
}

/* All who have a place nest while the gate closes, and do not wait for themselves. */
GATE_CASE(a_crowd_nests)
{
    unsigned nested = 0;
    crowd_enters();
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    for (uintptr_t n = 0; n < CROWD; n++) {
        bool inside = enter_as(FIRST + 64 * n);
        nested += inside;
        require_eq(close_as(FIRST + 64 * n, 0), inside ? FINI_EDEADLK : FINI_ETIMEDOUT);
        if (inside)
            leave_as(FIRST + 64 * n);
    }
    require(nested >= INSIDE_FAR && nested <= INSIDE_NEAR + INSIDE_FAR);
    crowd_leaves_but_one();
    leave_as(FIRST);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

/* One thread, more gates than it has places near: each place serves again. */
GATE_CASE(many_gates)
{
    enum { GATES = 3000 };
    static struct fini_gate gates[GATES];
    for (int n = 0; n < GATES; n++)
        gates[n] = (struct fini_gate)FINI_GATE_INIT;
    for (int round = 0; round < 3; round++)
        for (int n = 0; n < GATES; n++) {
            require(fini_gate_enter(&gates[n]));
            require_eq(fini_gate_close(&gates[n], 0), FINI_EDEADLK);
            fini_gate_leave(&gates[n]);
        }
    for (int n = 0; n < GATES; n++)
        require_eq(fini_gate_close(&gates[n], 0), FINI_OK);
}

GATE_CASE(too_late_without_a_place)
{
    crowd_enters();
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    require(!enter_as(OTHER));
    leave_as(OTHER);
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
}

/* ---- forked children ------------------------------------------------------------------------- */

GATE_CASE(a_child_has_the_forker_inside)
{
    require(fini_gate_enter(&gate) && fini_gate_enter(&gate) && enter_as(OTHER));
    fake_fork();
    errno = EDOM;
    require_eq(fini_gate_close(&gate, 0), FINI_EDEADLK);
    fini_gate_leave(&gate);
    require_eq(close_as(THIRD, 0), FINI_ETIMEDOUT);
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

GATE_CASE(a_child_has_nobody_else_inside)
{
    crowd_enters();
    for (uintptr_t n = INSIDE_NEAR + INSIDE_FAR; n < CROWD; n++)
        leave_as(FIRST + 64 * n); /* they were only counted, or others are now */
    fake_fork();
    errno = EDOM;
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&other_gate, 0), FINI_OK);
}

GATE_CASE(a_child_of_a_child)
{
    require(fini_gate_enter(&gate) && enter_as(OTHER));
    fake_fork();
    fake_fork();
    errno = EDOM;
    require(enter_as(THIRD));
    require_eq(fini_gate_close(&gate, 0), FINI_EDEADLK);
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    leave_as(THIRD);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

/* A thread made in the child may stand where one of the parent's stood, inside or not. */
GATE_CASE(a_childs_thread_is_not_the_parents)
{
    require(enter_as(OTHER) && enter_as(THIRD));
    leave_as(THIRD);
    fake_fork();
    errno = EDOM;
    require(enter_as(THIRD)); /* before the thread that forked comes by */
    require(enter_as(OTHER));
    leave_as(OTHER);
    require_eq(fini_gate_close(&gate, 0), FINI_ETIMEDOUT);
    leave_as(THIRD);
    require_eq(fini_gate_close(&gate, 0), FINI_OK);
}

/* The same, with the fast path: the thread at hand is not the one that forks. */
GATE_CASE(a_childs_thread_does_not_take_over)
{
    require(fini_gate_enter(&gate));
    fini_gate_leave(&gate);
    fake.thread = OTHER;
    fake_fork();
    errno = EDOM;
    require_eq(close_as(OTHER, 0), FINI_OK);
    require_eq(fini_gate_open(&gate), FINI_OK);
    fake_fork();
    errno = EDOM;
    fake.thread = self;
    require(fini_gate_enter(&gate));
    require_eq(close_as(OTHER, 0), FINI_ETIMEDOUT);
}

/* What they were in the middle of stays so; and nobody waits. */
GATE_CASE(a_killed_thread_is_inside_for_ever)
{
    require(fini_gate_enter(&gate) && enter_as(OTHER));
    require(fini_gate_enter(&other_gate));
    fake_kill_others();
    require_eq(fini_gate_close(&gate, -1), FINI_EDEADLK);
    fini_gate_leave(&gate);
    require_eq(fini_gate_close(&gate, -1), FINI_ETIMEDOUT);
    require_eq(fake.waits, 0);
    require(!fini_gate_enter(&gate));
    fini_gate_leave(&other_gate);
    require_eq(fini_gate_close(&other_gate, -1), FINI_OK);
}

/* Only the thread that forked knows its entries: whoever comes first leaves them alone. */
GATE_CASE(a_childs_thread_comes_first)
{
    require(fini_gate_enter(&gate) && enter_as(OTHER));
    fake_fork();
    errno = EDOM;
    require_eq(close_as(THIRD, 0), FINI_ETIMEDOUT);
    require_eq(fini_gate_close(&gate, 0), FINI_EDEADLK);
    require_eq(close_as(THIRD, 0), FINI_ETIMEDOUT);
    fini_gate_leave(&gate);
    require_eq(close_as(THIRD, 0), FINI_OK);
}

static void forks_while_other_waits(unsigned round)
{
    if (round == 0) {
        fake.thread = THIRD;
        fake_fork();
        require_eq(close_as(THIRD, 0), FINI_OK);
        require_eq(fini_gate_open(&gate), FINI_OK);
        fake.wakes = 0;
        require(enter_as(THIRD));
        leave_as(THIRD);
        require_eq(fake.wakes, 0);
        say("nobody waits in the child");
        exit(0);
    }
}

CASE(a_child_has_no_closers, .ends = true, .expect = "nobody waits in the child\n")
{
    start(0, false);
    require(enter_as(OTHER));
    fake.on_wait = forks_while_other_waits;
    fini_gate_close(&gate, -1);
}
