/* SPDX-License-Identifier: MIT
 *
 * Has the thread that loaded this image ended, or called exit() (loader_thread.c)?
 */
#ifndef FINI_LOADER_THREAD_H
#define FINI_LOADER_THREAD_H

#include <stdbool.h>

#include "../compiler.h"

/* From the constructor, unless the thread may be inside exit() already. */
FINI_INTERNAL void fini__mark_loader_thread(void);

/* The caller is that thread, and neither ends nor exits. */
FINI_INTERNAL bool fini__in_loader_thread(void);

#endif
