/* SPDX-License-Identifier: MIT
 *
 * Pages that all images share (pages.c), and on them thread keys that end references (ends.c).
 */
#ifndef FINI_PAGES_H
#define FINI_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

/* Each plus 1; never given back. A thread uses one for each image that it ends a reference to. */
enum { FINI__ENDS = 64 };

struct fini__ends {
    _Atomic uint32_t key[FINI__ENDS];
};

/* NULL: there is no such place. */
FINI_INTERNAL struct fini__ends *fini__shared_ends(void);

/* Asked of the file of a system: where their address has been left; NULL: nowhere yet. */
FINI_INTERNAL void *fini__recall_pages(void);
FINI_INTERNAL bool fini__publish_pages(void *pages);

#endif
