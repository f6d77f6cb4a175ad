/* SPDX-License-Identifier: MIT
 *
 * A platform that does what a test tells it to.
 *
 * Decides: what libfini sees of a system that has no loader, no threads and no exit(). Several
 * threads are simulated in one by changing `fake.thread`; a simulated exit() ends the body given
 * to fake_process, as the process it stands for would end.
 * Leaves to others: what libfini makes of it (the tests), its own state (inside.h).
 */
#ifndef FAKE_H
#define FAKE_H

#include "core.h"

/* For fake.dead: calls that have no effect or answer nothing. */
enum {
    FAKE_SEE = 1, FAKE_SET_EXITING = 2, FAKE_EARLY_EXIT = 4, FAKE_STAY_MAPPED = 8,
    FAKE_RESUME = 16, FAKE_PRINT = 32, FAKE_SETTING = 64, FAKE_SHARED = 128,
    FAKE_MAP = 256, FAKE_LIGHT_FENCES = 512, FAKE_HEAVY_FENCE = 1024, FAKE_ALL = 2047
};

struct fake {
    struct fini__sight sight;  /* what a finalizer sees */
    struct fini__sight around; /* what any other code sees */
    uintptr_t thread;
    unsigned long thread_number;
    bool alone;
    _Atomic uintptr_t process;
    bool exiting, clean_exit, trace;
    unsigned dead;
    const char *image_name, *library_name;
    unsigned traits;
    int refuses; /* what references answer, if not FINI_OK */
    bool forget_shared; /* the shared memory is to be as in a new process */
    int allocations_most;    /* if not 0, one more than are possible */
    int values_refuse;       /* what values_open and values_set answer, if not FINI_OK */
    void *value[8];          /* of threads 0 to 7 */
    void (*value_ends)(void *value); /* NULL: not open */
    int thread_refuses;      /* what thread_start answers, if not FINI_OK */
    unsigned threads;        /* that have been started, are not over, and are not dismissed */
    struct fake_thread {     /* the newest one */
        void (*run)(void *arg);
        void *arg;
        char name[16];
        bool ended, out;     /* what thread_is_over looks at */
    } worker;
    unsigned joins;          /* how often somebody has asked whether it is over */
    void (*on_start)(void);  /* what comes in between, in the thread that starts another */
    void (*on_join)(unsigned round); /* what the thread does when somebody waits for its end */
    void (*on_refer)(void);   /* what other threads do meanwhile... */
    void (*on_unrefer)(void); /* ... and during unrefer_later */
    void (*on_pause)(unsigned round);  /* what other threads do while this one waits */
    void (*on_own_handlers)(void);     /* the image's own atexit handlers */
    void (*on_unload)(void);
    void (*on_fence)(void);            /* what other threads do just before and... */
    void (*on_wait)(unsigned round);   /* ... while this one waits for them */
    bool killed;                       /* exit() has left only this thread */
    uintptr_t forker;                  /* the thread that forked last */
    int64_t now;                       /* each wait takes 1 */
    /* What libfini did: */
    bool watched, early_armed, resume_armed, mapped, finalized;
    unsigned pauses, fences, waits, wakes;
    int references;
    int maps; /* mapped and not unmapped */
    int allocations;
    char log[1024];     /* the calls that matter, each followed by a space */
    char printed[1024];
};

extern struct fake fake;

void fake_reset(void);

/* From now on the finalizer sees what stands for this reason. */
void fake_sees(fini_reason why);

/* The loader calls the image's finalizer. */
void fake_finalize(fini_reason why);

/* Runs a body until it returns or calls fake_exit, which runs handlers, finalizes the image if
 * nobody has, and does not return. True: it has called fake_exit. */
bool fake_process(void (*body)(void));
_Noreturn void fake_exit(void);

/* A thread ends: it is the current one then. */
void fake_thread_ends(uintptr_t thread);

/* A child of this thread, which goes on as the child. */
void fake_fork(void);

/* exit() has killed all threads but this one. */
void fake_kill_others(void);

#endif
