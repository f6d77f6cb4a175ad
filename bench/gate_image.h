/* SPDX-License-Identifier: MIT
 *
 * What an image of gate_image.c exports.
 */
#ifndef GATE_IMAGE_H
#define GATE_IMAGE_H

void bench_thread_begins(void);
void bench_thread_ends(void);
unsigned long bench_call(unsigned long x);
unsigned long bench_empty_call(unsigned long x);

/* Only where the guard is a gate. */
int bench_close(long long timeout);
void bench_open(void);
void bench_enter(void);
void bench_leave(void);

#endif
