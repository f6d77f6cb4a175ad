/* SPDX-License-Identifier: MIT
 *
 * The only place that looks at which compiler this is, besides fini.h.
 *
 * Decides: how an internal function is spelled so that it stays inside its image.
 * Leaves to others: everything about the system (platform.h).
 */
#ifndef FINI_COMPILER_H
#define FINI_COMPILER_H

#include "fini.h"

/* A function that crosses files of libfini. Hidden, so that two images with two versions never
 * meet. The amalgamation, where all files are one, says static. */
#ifndef FINI_INTERNAL
#define FINI_INTERNAL FINI_API
#endif

#if defined(__GNUC__)
#define FINI_WEAK __attribute__((weak))
/* Another name of a function of the same file, unless somebody else defines it. */
#define FINI_WEAK_ALIAS(function) __attribute__((weak, alias(#function)))
/* 101 is the first priority open to programs. */
#define FINI_CONSTRUCTOR __attribute__((constructor(101)))
/* No priority: glibc runs .fini_array from its end, and a function with a priority would run
 * after __do_global_dtors_aux, which destroys the image's C++ statics. */
#define FINI_DESTRUCTOR __attribute__((destructor))
/* A function whose frame address is read has to have a frame of its own. */
#define FINI_NOINLINE __attribute__((noinline))
#define FINI_FRAME() ((const void *)__builtin_frame_address(0))
/* As the last statement: the call before it does not replace this frame by its own. */
#define FINI_NO_TAIL_CALL() __asm__ volatile("" ::: "memory")
/* Runs once or twice in the life of an image: its size counts, not its speed. */
#if defined(__clang__)
#define FINI_COLD __attribute__((cold, minsize))
#else
#define FINI_COLD __attribute__((cold))
#endif
/* For what every call of a hot function goes through, although size counts more elsewhere. */
#define FINI_ALWAYS_INLINE inline __attribute__((always_inline))
/* A structure that is laid over another one. */
#define FINI_MAY_ALIAS __attribute__((may_alias))
#define FINI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define FINI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#error "libfini needs constructors and destructors as gcc and clang spell them"
#endif

#endif
