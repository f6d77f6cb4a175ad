/* SPDX-License-Identifier: MIT
 *
 * What sigfillset has stored.
 */
#ifndef FINI_STORED_H
#define FINI_STORED_H

#include <signal.h>
#include <stdbool.h>

#include "../compiler.h"

/* libc has filled the set, or begun to. */
FINI_INTERNAL bool fini__self_stored(const sigset_t *set);

#endif
