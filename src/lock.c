/* SPDX-License-Identifier: MIT
 *
 * A lock that knows its owner.
 *
 * Decides: that a thread which holds the lock already is told so instead of waiting for itself -
 * exit() may come from a signal handler in the middle of fini_add - and that a forked child does
 * not inherit a lock from a thread it does not have.
 * Leaves to others: what is guarded (hooks.c), how to wait (platform.h).
 *
 *   owner      take by T            drop by T     fork in T
 *   0          -> T, true           -             0
 *   T          false, unchanged     -> 0          T
 *   U          waits for 0          -             0: U does not exist in the child
 *
 * The critical sections are a few stores long, so the waiting side yields and then naps.
 */
#include "core.h"

static bool try_take(struct fini__lock *lock, uintptr_t self)
{
    uintptr_t expected = 0;
    /* Acquire: pairs with the release in fini__lock_drop. */
    return atomic_compare_exchange_strong_explicit(&lock->owner, &expected, self,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* False: the caller holds it already, and must not drop it. */
bool fini__lock_take(struct fini__lock *lock)
{
    uintptr_t self = fini__platform_thread();
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

void fini__lock_forked(struct fini__lock *lock)
{
    if (atomic_load_explicit(&lock->owner, memory_order_relaxed) != fini__platform_thread())
        fini__lock_drop(lock);
}
