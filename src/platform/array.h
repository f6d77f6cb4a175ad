/* SPDX-License-Identifier: MIT
 *
 * What array.c asks of the file of a system.
 */
#ifndef FINI_ARRAY_H
#define FINI_ARRAY_H

#include "../platform.h"

/* From the image's constructor. */
FINI_INTERNAL void fini__system_loaded(void);

/* In its finalizer. */
FINI_INTERNAL struct fini__sight fini__system_sees(void);

#endif
