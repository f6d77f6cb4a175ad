/* SPDX-License-Identifier: MIT
 *
 * What references.c asks of glibc.c: where the references are that a thread is to end, and whether
 * it is too late for more.
 */
#ifndef FINI_REFERENCES_H
#define FINI_REFERENCES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../compiler.h"

/* Thread keys, each plus 1, that belong to no image, and are never given back. The destructor of
 * most is libc's dlclose: a thread uses one for each image that it ends a reference to. That of
 * `left` is sigfillset, and it is older than they, so that its destructor runs first. */
enum { FINI__THREAD_ENDS = 64 };

struct fini__thread_ends {
    _Atomic uint32_t key[FINI__THREAD_ENDS];
    _Atomic uint32_t left;
};

/* The ones that all images of this namespace share, or of the main one; NULL: there are none. */
FINI_INTERNAL struct fini__thread_ends *fini__record_thread_ends(bool main_namespace);

/* A finalizer of this image is known to be on the stack. `frame` as for
 * fini__platform_see_around. */
FINI_INTERNAL bool fini__in_finalizer(const void *frame);

#endif
