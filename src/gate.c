/* SPDX-License-Identifier: MIT
 *
 * Gates: many threads in cheaply, closed and drained by one.
 *
 * Decides: where it is kept who is inside, and in which order both sides look.
 * Leaves to others: fences, sleeping, the number of the process (platform.h).
 *
 * Parties. Those who enter and leave; closers and openers, any number at once; in a forked child
 * the thread that forked, and threads made since.
 *
 * Data. A slot says how often its owner, a thread, is inside a gate. Only the owner ever writes
 * `depth` and `gate` of a slot that has one. A slot in `near_slots` is found by a hash, and is the
 * owner's for good: it is never taken from a thread that may be alive. The owner may have looked
 * at it and be about to write to it, for as long as it is not scheduled, and no fence of the
 * taker's ends that; looking again after the write tells the owner, but by then it has overwritten
 * the taker's entry. So only the owner itself uses its slot for another gate. Who finds none there
 * takes one in `far_slots`, and gives it back when it leaves, at the price of some atomic
 * operations. When these are gone too, entries are counted in the gate, and nobody knows whose
 * they are.
 *
 * State of a gate: a number; even: open, odd: closed. Each change adds 1, so that who finds the
 * same number again knows that the gate was not open in between.
 *
 *   state    enter                  close                        open
 *   even     inside                 -> +1, then as below         FINI_OK
 *   odd      only who is inside     waits until nobody is        -> +1, wakes closers, which
 *                                                                close it again
 *
 * Forbidden: that close says FINI_OK, and somebody is inside before the gate is opened; that a
 * closer sleeps and nobody is inside.
 *
 * Orders, each of the kind "both write, then both read, and one has to see the other".
 *   E  enter writes its depth, then reads the state; close writes the state, then reads all depths.
 *   L  leave writes its depth, then reads `closers`; close writes `closers`, then reads all depths.
 * The closer's side has the heavy fence between. The other side has a compiler barrier where the
 * platform says that this is enough, which is the fast path in fini.h; else, and on every slow
 * path, the write is a sequentially consistent exchange. The fast path serves a slot that is where
 * the hash says, from 0 to 1 and back.
 *   N  leave changes `notices` of a closer after its depth, then wakes; close reads `notices`
 *      before it reads the depths, and sleeps only while they are what it has read.
 *   R  leave's write of 0 releases, close's read acquires: what was done inside is done. Open's
 *      change of the state releases, enter's read of it acquires.
 *
 * Leave does not touch the gate after its depth: a gate can be freed when close has said FINI_OK.
 *
 * Fork. A slot has the number of the process in which it was taken, and counts for its owner only
 * there: otherwise a thread made in a forked child could be where one of the parent's was, take
 * over its slot without a sign, and lose its entry when the child tidies up. The first that comes
 * to a slow path there tidies up; every entry with a depth ends there. Only the thread that has
 * forked knows which entries are its own. Until it comes by, all of them count: the safe side.
 *
 * Where exit kills the other threads, the process has another number as well. What they were in the
 * middle of stays so: their entries count for ever, and nobody waits for them.
 *
 * Accepted races. A closer may count an enterer that is on its way out again, or one that has just
 * changed to another gate: it is woken then, and counts again. Leave may wake a closer that has
 * taken over the place of another.
 */
#include <errno.h>

#include "core.h"

enum { NEAR = FINI__GATE_SLOTS, WINDOW = 8, FAR = 1024, CLOSERS = 8 };

struct FINI_MAY_ALIAS slot {
    _Atomic uintptr_t owner;  /* fini__platform_thread(); 0: free */
    _Atomic uintptr_t gate;   /* its address, with STRONG where a compiler barrier is not enough */
    _Atomic uint32_t process; /* the owner is a thread of this process; 0: of none yet */
    _Atomic uint32_t depth;
};

/* In `gate`: the fast path does not know such a slot. */
enum { STRONG = 1 };

/* On a cache line of its own. */
struct FINI_MAY_ALIAS near_slot {
    _Alignas(64) struct slot slot;
};

struct FINI_MAY_ALIAS shared {
    _Alignas(64) const _Atomic uintptr_t *_Atomic process; /* where its number stands */
    struct near_slot *_Atomic near_slots;
    _Atomic uint32_t closers; /* threads inside fini_gate_close */
};

/* What is mapped, in one piece. As data of the image it would cost each load of every image with
 * libfini: for zeroed data beyond the file's last page glibc's loader maps one region more, which
 * made dlopen and dlclose of a small image a quarter more expensive. */
struct places {
    struct near_slot near_slots[NEAR];
    struct slot far_slots[FAR];
};

/* One sleeping closer. */
struct closer {
    _Atomic uintptr_t gate;
    _Atomic uint32_t notices;
};

/* No slot that has an owner is of process 0. */
static const uintptr_t no_process;

#ifdef FINI__GATE_SHARED
struct fini__gate_shared fini__gate_shared = {&no_process, NULL, 0};
#define SHARED ((struct shared *)(void *)&fini__gate_shared)

/* The same to both. */
_Static_assert(sizeof(struct near_slot) == sizeof(struct fini__gate_slot) &&
               offsetof(struct slot, gate) == offsetof(struct fini__gate_slot, gate) &&
               offsetof(struct slot, process) == offsetof(struct fini__gate_slot, process) &&
               offsetof(struct slot, depth) == offsetof(struct fini__gate_slot, depth) &&
               offsetof(struct shared, near_slots) == offsetof(struct fini__gate_shared, slots) &&
               offsetof(struct shared, closers) == offsetof(struct fini__gate_shared, closers),
               "fini.h and gate.c differ");
#else
static struct shared shared = {(const _Atomic uintptr_t *)&no_process, NULL, 0};
#define SHARED (&shared)
#endif

static struct {
    bool gone;                  /* in the image's last finalizer: there are no places any more */
    _Atomic uint32_t far_used;  /* slots in far_slots that have an owner */
    _Atomic uint32_t far_reach; /* none is further from its hash than that */
    _Atomic uintptr_t process;  /* slots are of this one; 0: there are none yet */
    _Atomic uint32_t undecided; /* there may be entries of the thread that forked */
    struct closer closer[CLOSERS];
} gates;

static struct fini__lock fork_lock; /* held while the rest of a forked parent is tidied up */

/* fini.h has no atomics, so that C++ can read it. */
static _Atomic uint32_t *state_of(struct fini_gate *g)
{
    _Static_assert(sizeof(_Atomic uint32_t) == sizeof g->fini__state, "an atomic is larger");
    return (_Atomic uint32_t *)(void *)&g->fini__state;
}

static _Atomic uint32_t *uncounted_of(struct fini_gate *g)
{
    return (_Atomic uint32_t *)(void *)&g->fini__unknown;
}

static bool is_closed(struct fini_gate *g)
{
    return atomic_load(state_of(g)) & 1;
}

/* The stacks of threads are often a power of two apart, gates a few words. As in fini.h. */
static uint32_t hash(uintptr_t self, const struct fini_gate *g)
{
    return (uint32_t)((uint64_t)(self + (uintptr_t)g) * FINI__GATE_FACTOR >> 32);
}

/* NULL: there are none. Acquire pairs with map_places: who sees them sees zeros in them. */
static struct places *places(void)
{
    return (struct places *)atomic_load_explicit(&SHARED->near_slots, memory_order_acquire);
}

static bool is_far(const struct slot *s)
{
    const struct places *p = places();
    return (uintptr_t)s - (uintptr_t)p->far_slots < sizeof p->far_slots;
}

/* Of two threads that map them at once, the second gives its own back. Where there is no memory
 * entries are only counted, until there is some. */
static void map_places(void)
{
    struct near_slot *none = NULL;
    struct places *made = gates.gone ? NULL : fini__platform_map(sizeof *made);
    if (made && !atomic_compare_exchange_strong(&SHARED->near_slots, &none, made->near_slots))
        fini__platform_unmap(made, sizeof *made);
}

/* After C++ statics and exit handlers of the image, which may be the last to use a gate. Its code
 * is all that goes after that. */
FINI_LAST_DESTRUCTOR static void unmap_places(void)
{
    struct places *p = places();
    if (!fini__image_goes() || !p)
        return;
    int saved = errno;
    gates.gone = true;
    atomic_store(&SHARED->near_slots, NULL);
    fini__platform_unmap(p, sizeof *p);
    errno = saved;
}

/* ---- waking ---------------------------------------------------------------------------------- */

/* The gate may be gone: only its address is looked at. */
static void notify(const struct fini_gate *g)
{
    for (int n = 0; n < CLOSERS; n++) {
        struct closer *c = &gates.closer[n];
        if (atomic_load(&c->gate) == (uintptr_t)g) {
            atomic_fetch_add(&c->notices, 1);
            fini__platform_wake(&c->notices);
        }
    }
}

static void notify_any(const struct fini_gate *g)
{
    if (atomic_load(&SHARED->closers) != 0)
        notify(g);
}

/* ---- forked children ------------------------------------------------------------------------- */

/* `forked_here`: the caller is the thread that forked. */
static void judge(struct slot *s, uint32_t process, bool forked_here)
{
    uint32_t taken_in = atomic_load(&s->process);
    if (taken_in == process || taken_in == 0)
        return;
    if (forked_here && atomic_load(&s->owner) == fini__platform_thread()) {
        atomic_store(&s->process, process);
        return;
    }
    if (atomic_load(&s->depth) != 0 && fini__platform_threads_killed())
        return;
    if (atomic_load(&s->depth) != 0 && !forked_here) {
        atomic_store(&gates.undecided, 1);
        return;
    }
    if (is_far(s) && atomic_load(&s->owner) != 0)
        atomic_fetch_sub(&gates.far_used, 1);
    atomic_store(&s->depth, 0);
    atomic_store(&s->process, 0);
    atomic_store(&s->owner, 0);
}

static void judge_all(void)
{
    uint32_t process = (uint32_t)fini__platform_process();
    bool forked_here = fini__platform_is_forker();
    struct places *p = places();
    atomic_store(&gates.undecided, 0);
    for (int n = 0; p && n < NEAR; n++)
        judge(&p->near_slots[n].slot, process, forked_here);
    for (int n = 0; p && n < FAR; n++)
        judge(&p->far_slots[n], process, forked_here);
}

/* The parent may have been about to count. */
static void count_far(void)
{
    uint32_t used = 0;
    struct places *p = places();
    for (int n = 0; p && n < FAR; n++)
        used += atomic_load(&p->far_slots[n].owner) != 0;
    atomic_store(&gates.far_used, used);
}

/* The parent's closers are not here either. Before any thread of the child is one. */
static void forget_parents_threads(void)
{
    atomic_store(&SHARED->closers, 0);
    for (int n = 0; n < CLOSERS; n++)
        atomic_store(&gates.closer[n].gate, 0);
    judge_all();
    count_far();
}

/* Release: who sees the number sees what was done before. */
static void tidy_up(uintptr_t process)
{
    if (!fini__lock_take(&fork_lock))
        return;
    uintptr_t seen = atomic_load(&gates.process);
    if (seen != process && seen != 0)
        forget_parents_threads();
    else if (atomic_load(&gates.undecided) != 0)
        judge_all();
    atomic_store_explicit(&gates.process, process, memory_order_release);
    fini__lock_drop(&fork_lock);
}

static void find_process_place(void)
{
    const _Atomic uintptr_t *place = fini__platform_process_place();
    if (place)
        atomic_store(&SHARED->process, place);
}

/* On every slow path first. The number of this process. */
static uint32_t settle(void)
{
    uintptr_t process = fini__platform_process();
    if (FINI_UNLIKELY((const void *)atomic_load(&SHARED->process) == &no_process))
        find_process_place();
    if (FINI_UNLIKELY(!places()))
        map_places();
    if (FINI_UNLIKELY(atomic_load_explicit(&gates.process, memory_order_acquire) != process ||
                      (atomic_load(&gates.undecided) != 0 && fini__platform_is_forker())))
        tidy_up(process);
    return (uint32_t)process;
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* Who looks for a slot, for which gate, and where. */
struct visit {
    uintptr_t self, gate; /* as in struct slot */
    uint32_t process, hashed;
    struct places *places; /* NULL: nowhere */
};

static struct visit visit_of(const struct fini_gate *g)
{
    uintptr_t self = fini__platform_thread();
    uint32_t process = settle();
    uintptr_t strength = fini__platform_light_fences() ? 0 : STRONG;
    return (struct visit){self, (uintptr_t)g | strength, process, hash(self, g), places()};
}

/* Only where there are places. */
static struct slot *near_slot(const struct visit *v, uint32_t distance)
{
    return &v->places->near_slots[(v->hashed + distance) % NEAR].slot;
}

static struct slot *far_slot(const struct visit *v, uint32_t distance)
{
    return &v->places->far_slots[(v->hashed + distance) % FAR];
}

static bool is_own(const struct slot *s, const struct visit *v)
{
    return atomic_load_explicit(&s->owner, memory_order_relaxed) == v->self &&
           atomic_load_explicit(&s->process, memory_order_relaxed) == v->process;
}

static bool is_for_gate(const struct slot *s, const struct visit *v)
{
    return is_own(s, v) && atomic_load_explicit(&s->gate, memory_order_relaxed) == v->gate;
}

/* Of one's own slot. */
static uint32_t depth_of(const struct slot *s)
{
    return atomic_load_explicit(&s->depth, memory_order_relaxed);
}

static struct slot *find_near(const struct visit *v)
{
    for (uint32_t n = 0; n < WINDOW; n++)
        if (is_for_gate(near_slot(v, n), v))
            return near_slot(v, n);
    return NULL;
}

static struct slot *find_far(const struct visit *v)
{
    uint32_t reach = atomic_load(&gates.far_used) != 0 ? atomic_load(&gates.far_reach) : 0;
    for (uint32_t n = 0; n < reach; n++)
        if (is_for_gate(far_slot(v, n), v))
            return far_slot(v, n);
    return NULL;
}

/* NULL: the caller is not inside, or its entry is one of the uncounted. */
static struct slot *find_inside(const struct visit *v)
{
    if (!v->places)
        return NULL;
    struct slot *s = find_near(v);
    if (s && depth_of(s) != 0)
        return s;
    return find_far(v);
}

static bool claim(struct slot *s, const struct visit *v)
{
    uintptr_t nobody = 0;
    if (atomic_load_explicit(&s->owner, memory_order_relaxed) != 0 ||
        !atomic_compare_exchange_strong(&s->owner, &nobody, v->self))
        return false;
    atomic_store_explicit(&s->gate, v->gate, memory_order_relaxed);
    atomic_store_explicit(&s->process, v->process, memory_order_relaxed);
    return true;
}

static struct slot *claim_near(const struct visit *v)
{
    for (uint32_t n = 0; n < WINDOW; n++)
        if (claim(near_slot(v, n), v))
            return near_slot(v, n);
    return NULL;
}

/* The caller's own, for another gate, in which it is not. */
static struct slot *convert_near(const struct visit *v)
{
    for (uint32_t n = 0; n < WINDOW; n++) {
        struct slot *s = near_slot(v, n);
        if (!is_own(s, v) || depth_of(s) != 0)
            continue;
        atomic_store_explicit(&s->gate, v->gate, memory_order_relaxed);
        return s;
    }
    return NULL;
}

static struct slot *claim_far(const struct visit *v)
{
    for (uint32_t n = 0; n < FAR; n++) {
        if (!claim(far_slot(v, n), v))
            continue;
        atomic_fetch_add(&gates.far_used, 1);
        uint32_t reach = atomic_load(&gates.far_reach);
        while (reach < n + 1 && !atomic_compare_exchange_weak(&gates.far_reach, &reach, n + 1))
            ;
        return far_slot(v, n);
    }
    return NULL;
}

/* For who is not inside; NULL: there is none left. */
static struct slot *find_place(const struct visit *v)
{
    if (!v->places)
        return NULL;
    struct slot *s = find_near(v);
    s = s ? s : claim_near(v);
    s = s ? s : convert_near(v);
    return s ? s : claim_far(v);
}

/* ---- entering and leaving, slowly ------------------------------------------------------------ */

/* False, for who comes in vain. */
static bool leave_slot(struct slot *s, const struct fini_gate *g)
{
    atomic_exchange(&s->depth, 0);
    if (is_far(s)) {
        atomic_store(&s->owner, 0);
        atomic_fetch_sub(&gates.far_used, 1);
    }
    notify_any(g);
    return false;
}

static bool enter_uncounted(struct fini_gate *g)
{
    atomic_fetch_add(uncounted_of(g), 1);
    if (!is_closed(g))
        return true;
    atomic_fetch_sub(uncounted_of(g), 1);
    notify_any(g);
    return false;
}

static bool enter_anew(struct fini_gate *g, const struct visit *v)
{
    struct slot *s = find_place(v);
    if (!s)
        return enter_uncounted(g);
    atomic_exchange(&s->depth, 1);
    return !is_closed(g) || leave_slot(s, g);
}

/* Who is inside already has only to count: no closer overlooks it. */
static bool enter_slowly(struct fini_gate *g)
{
    if (!g)
        return false;
    int saved = errno;
    struct visit v = visit_of(g);
    struct slot *s = find_inside(&v);
    bool inside = s || (!is_closed(g) && enter_anew(g, &v));
    if (s)
        atomic_store_explicit(&s->depth, depth_of(s) + 1, memory_order_relaxed);
    errno = saved;
    return inside;
}

/* A leave without an enter is ignored, unless there are uncounted entries. */
static void leave_uncounted(struct fini_gate *g)
{
    uint32_t count = atomic_load(uncounted_of(g));
    while (count != 0 && !atomic_compare_exchange_weak(uncounted_of(g), &count, count - 1))
        ;
    if (count != 0)
        notify_any(g);
}

static void leave_slowly(struct fini_gate *g)
{
    if (!g)
        return;
    int saved = errno;
    struct visit v = visit_of(g);
    struct slot *s = find_inside(&v);
    if (!s)
        leave_uncounted(g);
    else if (depth_of(s) == 1)
        leave_slot(s, g);
    else
        atomic_store_explicit(&s->depth, depth_of(s) - 1, memory_order_relaxed);
    errno = saved;
}

/* ---- entering and leaving -------------------------------------------------------------------- */

#ifdef FINI__GATE_SHARED
bool fini__gate_enter_slowly(struct fini_gate *g)
{
    return enter_slowly(g);
}

/* From 0 to 1 in the slot that the hash says, and too late. */
bool fini__gate_enter_in_vain(struct fini_gate *g)
{
    return leave_slot(&places()->near_slots[hash(fini__platform_thread(), g) % NEAR].slot, g);
}

void fini__gate_leave_slowly(struct fini_gate *g)
{
    leave_slowly(g);
}

void fini__gate_notify(const struct fini_gate *g)
{
    notify(g);
}
#endif

#ifndef FINI__GATE_INLINE
#define fini__gate_enter enter_slowly
#define fini__gate_leave leave_slowly
#endif

/* For who takes their addresses, or calls from another language. */
bool (fini_gate_enter)(struct fini_gate *g)
{
    return fini__gate_enter(g);
}

void (fini_gate_leave)(struct fini_gate *g)
{
    fini__gate_leave(g);
}

/* ---- closing and opening --------------------------------------------------------------------- */

static FINI_ALWAYS_INLINE bool is_occupied(const struct slot *s, const struct fini_gate *g)
{
    return atomic_load(&s->depth) != 0 &&
           (atomic_load(&s->gate) & ~(uintptr_t)STRONG) == (uintptr_t)g;
}

static bool is_empty(struct fini_gate *g)
{
    struct places *p = places();
    for (int n = 0; p && n < NEAR; n++)
        if (is_occupied(&p->near_slots[n].slot, g))
            return false;
    for (int n = 0; p && atomic_load(&gates.far_used) != 0 && n < FAR; n++)
        if (is_occupied(&p->far_slots[n], g))
            return false;
    return atomic_load(uncounted_of(g)) == 0;
}

/* Its state, closed. */
static uint32_t shut(struct fini_gate *g)
{
    uint32_t state = atomic_load(state_of(g));
    while (!(state & 1) && !atomic_compare_exchange_weak(state_of(g), &state, state + 1))
        ;
    return state | 1;
}

static struct closer *sign_in(const struct fini_gate *g)
{
    atomic_fetch_add(&SHARED->closers, 1);
    for (int n = 0; n < CLOSERS; n++) {
        uintptr_t nobody = 0;
        if (atomic_compare_exchange_strong(&gates.closer[n].gate, &nobody, (uintptr_t)g))
            return &gates.closer[n];
    }
    return NULL;
}

static void sign_out(struct closer *c)
{
    if (c)
        atomic_store(&c->gate, 0);
    atomic_fetch_sub(&SHARED->closers, 1);
}

/* More closers at once than can be woken look for themselves. */
static bool wait_for_notice(struct closer *c, uint32_t seen, int64_t deadline, unsigned round)
{
    static _Atomic uint32_t never;
    if (c)
        return fini__platform_wait(&c->notices, seen, deadline);
    fini__platform_pause(round);
    return fini__platform_wait(&never, 1, deadline);
}

/* A gate that is opened meanwhile is closed again: as if it had been opened before. */
static int drain(struct fini_gate *g, struct closer *c, int64_t timeout)
{
    int64_t deadline = 0;
    uint32_t fenced = 0; /* the state that the heavy fence came after; even: none */
    for (unsigned round = 0;; round++) {
        uint32_t seen = c ? atomic_load(&c->notices) : 0; /* N */
        uint32_t state = shut(g);
        if (state != fenced && !fini__platform_heavy_fence()) /* E, L */
            return FINI_ESYSTEM;
        fenced = state;
        if (is_empty(g) && atomic_load(state_of(g)) == state)
            return FINI_OK;
        if (round == 0)
            deadline = fini__platform_deadline(timeout);
        if (!wait_for_notice(c, seen, deadline, round))
            return FINI_ETIMEDOUT;
    }
}

static int close_gate(struct fini_gate *g, int64_t timeout)
{
    struct visit v = visit_of(g);
    if (find_inside(&v))
        return FINI_EDEADLK;
    struct closer *c = sign_in(g);
    int error = drain(g, c, timeout);
    sign_out(c);
    return error;
}

int fini_gate_close(struct fini_gate *g, int64_t timeout_ns)
{
    int saved = errno;
    int error = g ? close_gate(g, timeout_ns) : FINI_EINVAL;
    errno = saved;
    return error;
}

static void open_gate(struct fini_gate *g)
{
    uint32_t state = atomic_load(state_of(g));
    while ((state & 1) && !atomic_compare_exchange_weak(state_of(g), &state, state + 1))
        ;
    if (state & 1)
        notify_any(g);
}

int fini_gate_open(struct fini_gate *g)
{
    int saved = errno;
    if (g) {
        settle();
        open_gate(g);
    }
    errno = saved;
    return g ? FINI_OK : FINI_EINVAL;
}
