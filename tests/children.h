/* SPDX-License-Identifier: MIT
 *
 * children.h - what a case needs that runs its subject in child processes, which may crash or hang.
 *
 * Decides: how a child is started and waited for, and how it tells its parent anything.
 * Leaves to others: what it does, and what its end means.
 *
 * Part of the harness: whoever links that has it.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/types.h>

/* Zeroed, seen by children and parent. */
void *shared_memory(unsigned long size);

void nap(int microseconds);

/* Its wait status. For ever: a child that may hang sets an alarm. */
int wait_for_child(pid_t child);

/* Runs body in a child and returns its wait status. A child that does not end within the seconds
 * is killed and answered with HUNG. A body that returns ends in exit(0). */
enum { HUNG = -1 };
int in_child(void (*body)(void *arg), void *arg, int seconds);

/* The same, and the child must end with status 0, in 8 seconds. */
void in_sound_child(void (*body)(void *arg), void *arg);

/* How a child has ended, and what it has said on standard output. */
struct outcome {
    int wait_status;
    char transcript[4096];
};

/* Runs body, which becomes another program: one that returns ends in _exit(126). */
void in_child_recorded(void (*body)(void *arg), void *arg, struct outcome *ret);

#endif
