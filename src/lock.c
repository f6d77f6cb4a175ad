/* SPDX-License-Identifier: MIT
 *
 * A lock that knows its owner.
 *
 * Decides: that a thread which holds the lock already is told so instead of waiting for itself -
 * exit() may come from a signal handler in the middle of fini_add - and that a forked child does
 * not inherit a lock from a thread it does not have.
 * Leaves to others: what is guarded (hooks.c), how to wait (platform.h).
 *
 *   owner      take by T            drop by T
 *   0          -> T, true           -
 *   T          false, unchanged     -> 0
 *   U          waits for 0          -
 *
 * A fork handler would be simpler, but glibc's list of them is searched at every unload of any
 * image. So the first taker in a child finds out by the number of the process, and cleans up:
 *
 *   process    take in process P
 *   P          as above
 *   other      -> CLEANING_UP, cleans up, -> P; then as above
 *   CLEANING_  another thread does: waits for P
 *   unused     stays so while this is the only thread of P, else -> P; then as above
 *
 * As long as it stays unused nobody else can be inside, now or in a parent that has forked us, and
 * who need not be known as the owner may do without the lock (fini__lock_needed).
 *
 * The critical sections are a few stores long, so the waiting side yields and then naps.
 */
#include "core.h"

/* What other threads of the parent held or did ends here: they do not exist in the child. */
static void clean_up_after_fork(struct fini__lock *lock)
{
    uintptr_t self = fini__platform_thread();
    if (atomic_load_explicit(&lock->owner, memory_order_relaxed) != self ||
        !fini__platform_is_forker())
        atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
    if (lock->forked)
        lock->forked();
}

/* A signal handler that interrupted the clean-up, and calls exit(), would wait for ever. */
enum { ADOPT_ROUNDS_MOST = 1000 };

/* Release pairs with the acquire in adopt: who sees the process's number sees the clean-up. */
static void adopt(struct fini__lock *lock, uintptr_t process)
{
    for (unsigned round = 0; round < ADOPT_ROUNDS_MOST; round++) {
        uintptr_t seen = atomic_load_explicit(&lock->process, memory_order_acquire);
        if (seen == process)
            return;
        if (seen != FINI_LOCK_CLEANING_UP &&
            atomic_compare_exchange_strong(&lock->process, &seen, FINI_LOCK_CLEANING_UP)) {
            if (seen != FINI_LOCK_UNUSED)
                clean_up_after_fork(lock);
            atomic_store_explicit(&lock->process, process, memory_order_release);
            return;
        }
        fini__platform_pause(round);
    }
}

static bool try_take(struct fini__lock *lock, uintptr_t self)
{
    uintptr_t expected = 0;
    /* Acquire: pairs with the release in fini__lock_drop. */
    return atomic_compare_exchange_strong_explicit(&lock->owner, &expected, self,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* False: no other thread has taken the lock yet, nor can one before the caller next calls code that
 * is not libfini's. */
bool fini__lock_needed(const struct fini__lock *lock)
{
    return atomic_load_explicit(&lock->process, memory_order_relaxed) != FINI_LOCK_UNUSED ||
           !fini__platform_alone();
}

/* False: the caller holds it already, and must not drop it. */
bool fini__lock_take(struct fini__lock *lock)
{
    uintptr_t self = fini__platform_thread();
    uintptr_t process = fini__platform_process();
    if (FINI_UNLIKELY(atomic_load_explicit(&lock->process, memory_order_acquire) != process) &&
        fini__lock_needed(lock))
        adopt(lock, process);
    for (unsigned round = 0; !try_take(lock, self); round++) {
        if (atomic_load_explicit(&lock->owner, memory_order_relaxed) == self)
            return false;
        fini__platform_pause(round);
    }
    return true;
}

void fini__lock_drop(struct fini__lock *lock)
{
    atomic_store_explicit(&lock->owner, 0, memory_order_release);
}
