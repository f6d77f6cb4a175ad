/* SPDX-License-Identifier: MIT
 *
 * What visited.so offers: gone.c calls it by name.
 */
#ifndef VISITED_H
#define VISITED_H

/* Counts each visit: one now, two when the library is unloaded. */
void visited_begin(unsigned *count);

#endif
