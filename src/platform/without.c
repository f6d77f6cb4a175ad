/* SPDX-License-Identifier: MIT
 *
 * No place that outlives an image.
 *
 * Decides: no keepsakes, no generations; a reference once made never ends. FreeBSD, OpenBSD, NetBSD
 * and Android keep no string for others: text domains are in a library of their own, if at all.
 * Leaves to others: to make references (images.c).
 */
#include "select.h"

#ifdef FINI_WITHOUT_PAGES

#include "plain.h"

void *fini__platform_shared(void)
{
    return NULL;
}

int fini__platform_unrefer_later(void *reference)
{
    (void)reference;
    return FINI_ENOTSUP;
}

int fini__platform_refer_for_thread(void)
{
    return fini__in_program() ? FINI_OK : FINI_ENOTSUP;
}

#else
typedef int fini__without_is_not_for_this_platform;
#endif
