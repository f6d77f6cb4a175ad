/* SPDX-License-Identifier: MIT
 *
 * regular.h - opens a file whose name somebody else has chosen.
 *
 * Decides: nothing but a file. To open a FIFO is to wait for whoever writes into it, and to open a
 * device may be to set it going.
 */
#ifndef COMMAND_REGULAR_H
#define COMMAND_REGULAR_H

/* For reading. -1: it cannot be, or is none. */
int regular_open(const char *path);

#endif
