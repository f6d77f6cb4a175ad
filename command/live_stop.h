/* SPDX-License-Identifier: MIT
 *
 * live_stop.h - holds a process still for as long as it takes to copy what is looked at later.
 *
 * Decides: all its threads are stopped, and go on before anything is made of what was copied. A
 * thread that cannot be stopped, since it waits in the kernel and no signal wakes it, is left out.
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

struct live_thread {
    pid_t tid;
    char name[17];
    bool stopped, gone;         /* neither: it could not be stopped */
    bool in_group_stop;         /* it stood before we came, and stands on */
    int signal;                 /* one came while we looked: it is passed on; 0: none */
    struct user_regs_struct registers;
    uint64_t stack_at;
    unsigned char *stack;       /* from the page of the stack pointer on */
    size_t stack_size;
};

struct live_snapshot {
    struct live_thread *threads;
    size_t thread_count;
    struct live_images images;
    uint64_t pause;             /* in nanoseconds, from the first stop to the last going on */
};

/* stop: false, the process goes on meanwhile, and nothing is known of its threads.
 * On false the error of the process says why. */
bool live_stop(struct live_process *process, const struct live_layout *layout, bool stop,
               struct live_snapshot *ret);
void live_snapshot_free(struct live_snapshot *snapshot);

#endif
