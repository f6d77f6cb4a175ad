/* SPDX-License-Identifier: MIT
 *
 * trace_stacks.h - where the threads of the traced program are.
 */
#ifndef COMMAND_TRACE_STACKS_H
#define COMMAND_TRACE_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FRAMES_MOST = 40, THREADS_MOST = 512 };

struct stack {
    int thread;
    bool guessed;               /* read without stopping the thread: some frames may be over */
    size_t count;
    uint64_t frame[FRAMES_MOST];
};

struct stacks {
    bool cut;                   /* there are more threads */
    size_t count;
    struct stack stack[THREADS_MOST];
};

/* Stops each thread but `without` for a moment, one after the other. `only`: that one alone; 0:
 * all. */
void stacks_take(pid_t process, int only, int without, struct stacks *ret);

/* More threads than one. */
bool stacks_are_many(pid_t process);

#endif
