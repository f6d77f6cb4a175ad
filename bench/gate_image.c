/* SPDX-License-Identifier: MIT
 *
 * The image whose calls are measured: one source, built with each kind of guard, and with none.
 *
 * Decides: what a guarded call is - the guard around a small piece of work, out of line, as a
 * library's entry point has it - and an empty one, which shows the guard alone.
 */
#include "gate_image.h"

#if defined(GUARD_FINI)
#include "fini.h"
static struct fini_gate gate = FINI_GATE_INIT;
#define ENTER() (void)fini_gate_enter(&gate)
#define LEAVE() fini_gate_leave(&gate)
#elif defined(GUARD_MEMB) || defined(GUARD_BP)
#ifdef GUARD_BP
#include <urcu-bp.h>
#else
#include <urcu.h>
#endif
#define ENTER() rcu_read_lock()
#define LEAVE() rcu_read_unlock()
#elif defined(GUARD_RWLOCK)
#include <pthread.h>
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
#define ENTER() pthread_rwlock_rdlock(&lock)
#define LEAVE() pthread_rwlock_unlock(&lock)
#elif defined(GUARD_ATOMIC)
#include <stdatomic.h>
static atomic_uint inside;
#define ENTER() atomic_fetch_add(&inside, 1)
#define LEAVE() atomic_fetch_sub(&inside, 1)
#else
#define ENTER() (void)0
#define LEAVE() (void)0
#endif

void bench_thread_begins(void)
{
#ifdef GUARD_MEMB
    rcu_register_thread();
#endif
}

void bench_thread_ends(void)
{
#ifdef GUARD_MEMB
    rcu_unregister_thread();
#endif
}

/* Hashes a word: about the least that is worth a call of a library. */
static unsigned long work(unsigned long x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

unsigned long bench_call(unsigned long x)
{
    ENTER();
    x = work(x);
    LEAVE();
    return x;
}

unsigned long bench_empty_call(unsigned long x)
{
    ENTER();
    LEAVE();
    return x;
}

#ifdef GUARD_FINI
int bench_close(long long timeout)
{
    return fini_gate_close(&gate, timeout);
}

void bench_open(void)
{
    fini_gate_open(&gate);
}

void bench_enter(void)
{
    ENTER();
}

void bench_leave(void)
{
    LEAVE();
}
#endif
