/* SPDX-License-Identifier: MIT
 *
 * live_core.h - what was copied from a process in the form of a core file.
 *
 * That is what libdwfl unwinds without the process, on each architecture it knows. In memory only.
 */
#ifndef COMMAND_LIVE_CORE_H
#define COMMAND_LIVE_CORE_H

#include <stddef.h>

#include "live_stop.h"

/* NULL: no memory, or nothing was copied. Else it is to be freed. */
char *live_core_make(pid_t pid, const struct live_thread *threads, size_t thread_count,
                     size_t *ret_size);

#endif
