/* SPDX-License-Identifier: MIT
 *
 * Pages that all images of a process share, and that outlive each of them.
 *
 * Decides: what is on them: what the portable files share, then the keys that end references.
 * Leaves to others: where their address is left (the file of the system), the keys (ends.c).
 *
 * Two images that begin at once in two threads may both make them; who comes second sees its own
 * until it asks what has been left, and so asks again after it has left something.
 */
#include "select.h"

#ifdef FINI_USES_PAGES

#include <stdatomic.h>

#include "pages.h"
#include "plain.h"

enum { SIZE = FINI__SHARED_SIZE + sizeof(struct fini__ends) };

static void *make_pages(void)
{
    void *made = fini__platform_map(SIZE);
    if (!made)
        return NULL;
    void *left = fini__publish_pages(made) ? fini__recall_pages() : NULL;
    if (left != made)
        fini__platform_unmap(made, SIZE);
    return left;
}

void *fini__platform_shared(void)
{
    static void *_Atomic known;
    void *pages = atomic_load(&known);
    if (!pages) {
        pages = fini__recall_pages();
        atomic_store(&known, pages ? pages : make_pages());
    }
    return atomic_load(&known);
}

struct fini__ends *fini__shared_ends(void)
{
    char *pages = fini__platform_shared();
    return pages ? (struct fini__ends *)(void *)(pages + FINI__SHARED_SIZE) : NULL;
}

#else
typedef int fini__pages_are_not_for_this_platform;
#endif
