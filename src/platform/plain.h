/* SPDX-License-Identifier: MIT
 *
 * What the files of all systems that have never been run share: plain.c, images.c, leaving.c; and
 * what these ask of the file of a system.
 */
#ifndef FINI_PLAIN_H
#define FINI_PLAIN_H

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "../platform.h"

typedef void fini__immortal_fn(void *);

/* Exported by libc for compilers; no header declares them. */
extern int __cxa_atexit(fini__immortal_fn *fn, void *arg, void *owner);
extern void __cxa_finalize(void *owner);

/* ---- plain.c: the exit mark of this image ---------------------------------------------------- */

/* sigfillset: a function of libc that only stores, so that libc may call it whatever has become of
 * us. */
FINI_INTERNAL fini__immortal_fn *fini__immortal(void);

/* Have exit() fill a set when it comes to this moment in its list of handlers. */
FINI_INTERNAL void fini__mark_exit(void);
FINI_INTERNAL void fini__unmark_exit(void);

enum fini__mark { FINI__UNMARKED, FINI__MARK_CLEAR, FINI__MARK_FILLED };
FINI_INTERNAL enum fini__mark fini__exit_mark(void);

/* ---- images.c -------------------------------------------------------------------------------- */

/* False: not known. */
FINI_INTERNAL bool fini__find_own_image(Dl_info *ret);

/* ---- leaving.c ------------------------------------------------------------------------------- */

/* No thread of the image's own will end any more. */
FINI_INTERNAL void fini__forget_leaving(void);

/* ---- asked of the file of a system ----------------------------------------------------------- */

/* Of what dlopen has answered: it is this image. */
FINI_INTERNAL bool fini__is_own_handle(void *handle);

/* This image is the program itself. */
FINI_INTERNAL bool fini__in_program(void);

/* FINI_AT_STARTUP, where the loader says so; else 0. */
FINI_INTERNAL unsigned fini__startup_traits(void);

#endif
