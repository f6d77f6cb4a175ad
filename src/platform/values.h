/* SPDX-License-Identifier: MIT
 *
 * What values.c asks of glibc.c: where the process keeps what outlives an image.
 */
#ifndef FINI_VALUES_H
#define FINI_VALUES_H

#include <stdatomic.h>

#include "../compiler.h"

struct fini__key_rows; /* values.c */

/* Where the address stands, which is NULL until somebody puts one there; NULL: no such place. */
FINI_INTERNAL struct fini__key_rows *_Atomic *fini__record_key_rows(void);

#endif
