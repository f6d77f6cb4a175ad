/* SPDX-License-Identifier: MIT
 *
 * together.h - the library that is constructed first, and opens another from a thread.
 */
#ifndef MAPPED_TOGETHER_H
#define MAPPED_TOGETHER_H

/* What it has opened, when the thread is done. NULL: nothing. */
const void *together_opened(void);

#endif
