/* SPDX-License-Identifier: MIT
 *
 * One record a process, which all images with libfini share, and which outlives each of them: made
 * and found by record.c, with the help of the platform file and of the system.
 */
#ifndef FINI_RECORD_H
#define FINI_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../compiler.h"

/* What a platform file shares comes right behind this, as members of a structure that begins with
 * it; then, so close that both begin on one page, what the portable files share; what is forgotten
 * has the last page. New members come at the end of each, and zero means to them that no copy has
 * used them yet; another change of the layout changes the name under which it is found. */
struct fini__record {
    _Atomic uintptr_t numbers; /* how many processes of this line of descent have been numbered */
    bool forgets;              /* `forgotten` is on a page that is cleared in forked children */
    bool published;            /* every image finds it: here is a place for what outlives one */
};

enum { FINI__RECORD_SHARED_AT = 3072 }; /* the most that a platform file's structure may take */

/* NULL where there is no memory for it, or nobody has looked yet. */
FINI_INTERNAL struct fini__record *fini__record(void);

/* Looked for, if nobody has yet: the image's own constructors can ask before ours. NULL: others do
 * not find it. */
FINI_INTERNAL struct fini__record *fini__record_published(void);

/* ---- asked of the platform file -------------------------------------------------------------- */

/* Where it has been left; NULL: nowhere yet, and no other image leaves one until the second has
 * been called, which says that others will find it. */
FINI_INTERNAL struct fini__record *fini__record_recall(void);
FINI_INTERNAL bool fini__record_publish(struct fini__record *record);

/* It has been made or found. */
FINI_INTERNAL void fini__record_use(struct fini__record *record);

/* ---- asked of the system (linux.c) ----------------------------------------------------------- */

FINI_INTERNAL size_t fini__page_size(void);
FINI_INTERNAL uintptr_t fini__process_id(void);

/* From now on the page is cleared in forked children. False: the system does not do that. */
FINI_INTERNAL bool fini__forget_in_children(void *page, size_t size);

#endif
