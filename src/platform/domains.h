/* SPDX-License-Identifier: MIT
 *
 * An address that libc keeps under a name (domains.c).
 */
#ifndef FINI_DOMAINS_H
#define FINI_DOMAINS_H

#include <libintl.h>
#include <stdbool.h>

#include "../compiler.h"

/* That of the libc which is to keep it; NULL: there is none. */
typedef __typeof__(bindtextdomain) fini__bind_fn;

/* NULL: nothing has been left under the name. */
FINI_INTERNAL void *fini__domain_recall(fini__bind_fn *bind, const char *name);
FINI_INTERNAL bool fini__domain_publish(fini__bind_fn *bind, const char *name,
                                        const void *address);

/* Constructors run under the loader's lock, and so one at a time, but for those of start-up images,
 * which run in the main thread: a thread that one of them has begun can load something meanwhile.
 * So the main thread and others take turns. */
FINI_INTERNAL void fini__domain_take_turn(fini__bind_fn *bind, bool main_thread);
FINI_INTERNAL void fini__domain_end_turn(fini__bind_fn *bind, bool main_thread);

#endif
