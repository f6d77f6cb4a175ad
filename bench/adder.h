/* SPDX-License-Identifier: MIT
 *
 * What adder.c has for those that open it; they find it by name.
 */
#ifndef ADDER_H
#define ADDER_H

#include <stdbool.h>

/* Adds so many hooks, or else handlers; how many nanoseconds that took. */
double adder_add(bool hooks, int count);

/* Ends the process; the last of them to run tells how many nanoseconds after the call it did. */
void adder_exit(void);

#endif
