/* SPDX-License-Identifier: MIT
 *
 * Which platform file is meant: the one place that compares names of systems. Each file in this
 * folder compiles to nothing unless it is the one.
 *
 * FINI_PLATFORM_NONE and FINI_PLATFORM_FAKE can be asked for on the command line: the first to
 * see what an unknown system gets, the second by the unit tests, which bring their own platform.
 */
#ifndef FINI_SELECT_H
#define FINI_SELECT_H

#include <limits.h> /* any header of libc: __GLIBC__ */

#if !defined(FINI_PLATFORM_NONE) && !defined(FINI_PLATFORM_FAKE)
#if defined(__linux__) && defined(__GLIBC__) && defined(__x86_64__) && !defined(__ILP32__)
#define FINI_PLATFORM_GLIBC 1
#else
#define FINI_PLATFORM_NONE 1
#endif
#endif

#endif
