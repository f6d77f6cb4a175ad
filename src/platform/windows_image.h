/* SPDX-License-Identifier: MIT
 *
 * What windows.c and windows_threads.c know of each other.
 *
 * Decides: Windows Vista is the oldest: thread pools, fiber-local storage.
 * Leaves to others: everything else.
 */
#ifndef FINI_WINDOWS_IMAGE_H
#define FINI_WINDOWS_IMAGE_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#if !defined(_WIN32_WINNT) || _WIN32_WINNT < 0x0600
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0600
#endif
#include <windows.h>

#include <stdbool.h>

#include "../compiler.h"

typedef void fini__code(void);

/* The image itself. */
FINI_INTERNAL HMODULE fini__windows_own(void);

/* It is the program, which is never unloaded. */
FINI_INTERNAL bool fini__windows_is_program(void);

/* An exported function of a library that is loaded in every process; NULL: an older Windows. */
FINI_INTERNAL fini__code *fini__windows_find(const char *library, const char *name);

/* From the constructor. */
FINI_INTERNAL void fini__windows_threads_loaded(void);

/* The loader says that the calling thread ends. */
FINI_INTERNAL void fini__windows_thread_ends(void);

/* The image goes, and its workers have gone. */
FINI_INTERNAL void fini__windows_threads_unload(void);

#endif
