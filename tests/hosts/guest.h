/* SPDX-License-Identifier: MIT
 *
 * guest.h - what a module of any host consists of; the seam between guest.c, which lives and
 * ends, window.c, which watches it end, and the files that make it known to a host.
 */
#ifndef GUEST_H
#define GUEST_H

/* Once a process. From now on a thread is inside the module. */
void guest_start(void);

/* At the end of the process, window.c says whether the file that holds this address is still
 * mapped. */
void window_watch(const void *address);

#endif
