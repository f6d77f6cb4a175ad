/* SPDX-License-Identifier: MIT
 *
 * What the tests of gates share: threads, time, and what is expected of a gate with a mistake.
 */
#ifndef CROWD_H
#define CROWD_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "children.h"
#include "fini.h"
#include "harness.h"

/* With MISTAKE a test goes on until it has caught it, and says so. */
#ifdef MISTAKE
enum { SECONDS = 40, CASE_TIMEOUT = 60 };
#define EXPECTED "caught\n"
#else
enum { SECONDS = 2, CASE_TIMEOUT = 30 };
#define EXPECTED "nothing wrong\n"
#endif

enum { MILLISECOND = 1000000 };

static inline double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline pthread_t start_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    require_eq(pthread_create(&thread, &attributes, run, arg), 0);
    pthread_attr_destroy(&attributes);
    return thread;
}

static inline uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static inline int usable_processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* Moves this thread to the nth of the processors it may use. */
static inline void move_to_processor(int nth)
{
    cpu_set_t may, only;
    CPU_ZERO(&only);
    require_eq(sched_getaffinity(0, sizeof may, &may), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&only) == 0; cpu++)
        if (CPU_ISSET(cpu, &may) && nth-- == 0)
            CPU_SET(cpu, &only);
    require_eq(pthread_setaffinity_np(pthread_self(), sizeof only, &only), 0);
}

/* Without the fast path in fini.h each entry has a fence of its own. */
static inline void need_fast_path_for_mistake(void)
{
#if defined(MISTAKE_OF_FAST_PATH) && !defined(FINI__GATE_INLINE)
    skip("this compiler enters gates by a call: there it is no mistake");
#endif
}

static inline void say_verdict(bool wrong)
{
    say(wrong ? "caught" : "nothing wrong");
}

/* A filter of the kernel answers EPERM to membarrier from now on. Not privileged. */
void refuse_membarrier(void);

#endif
