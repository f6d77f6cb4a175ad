/* SPDX-License-Identifier: MIT
 *
 * live_sleep.h - threads that sleep in a system call which a stop would end with EINTR.
 *
 * signal(7), "Interruption of system calls and library functions by stop signals", names these
 * calls; the program would see that it was looked at. To such a thread nothing is done: /proc tells
 * where it sleeps, and whether it has slept on.
 */
#ifndef COMMAND_LIVE_SLEEP_H
#define COMMAND_LIVE_SLEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct live_sleep {
    long call, file;            /* its number; its first argument, which may be a descriptor */
    uint64_t stack, address;    /* the stack pointer; where the call returns to */
    long switches;              /* how often it has gone to sleep */
};

/* False: it does not sleep, or in a call that goes on after a stop. */
bool live_sleep_read(pid_t pid, pid_t tid, struct live_sleep *ret);

/* It has not woken since. */
bool live_sleep_lasts(pid_t pid, pid_t tid, const struct live_sleep *sleep);

#endif
