/* SPDX-License-Identifier: MIT
 *
 * live_stop.h - holds a process still for as long as it takes to copy what is looked at later.
 *
 * Decides: all its threads are stopped, and go on before anything is made of what was copied. Not
 * one that sleeps where a stop would wake it with an error (live_sleep.h): its stack is copied as
 * it sleeps. A thread that cannot be stopped, since it waits in the kernel and no signal wakes it,
 * is left out.
 * Whatever happens to us, they go on: the kernel lets go of what an ended tracer has traced.
 */
#ifndef COMMAND_LIVE_STOP_H
#define COMMAND_LIVE_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "live_images.h"
#include "live_layout.h"
#include "live_process.h"
#include "live_sleep.h"

/* In each byte of a register that is not known. */
enum { LIVE_UNKNOWN = 0xa5 };

struct live_thread {
    pid_t tid;
    char name[17];
    bool stopped, gone, asleep; /* none of them: it could not be stopped */
    struct live_sleep sleep;    /* asleep: it was left where it slept */
    bool in_group_stop;         /* it stood before we came, and stands on */
    int signal;                 /* one came while we looked: it is passed on; 0: none */
    struct user_regs_struct registers;  /* asleep: the two that are known */
    uint64_t stack_at;
    unsigned char *stack;       /* from the page of the stack pointer on */
    size_t stack_size;
    bool stack_cut;             /* there is more of it */
};

struct live_snapshot {
    struct live_thread *threads;
    size_t thread_count;
    struct live_images images;
    bool woke;                  /* one that was left asleep did not sleep on */
    uint64_t pause;             /* in nanoseconds, from the first stop to the last going on */
};

/* stop: false, the process goes on meanwhile, and nothing is known of its threads.
 * On false the error of the process says why. */
bool live_stop(struct live_process *process, const struct live_layout *layout, bool stop,
               struct live_snapshot *ret);
void live_snapshot_free(struct live_snapshot *snapshot);

#endif
