/* SPDX-License-Identifier: MIT
 *
 * The only place that looks at which compiler this is, besides fini.h.
 *
 * Decides: how an internal function is spelled so that it stays inside its image; what the linker
 * is told.
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

#if defined(__GNUC__) || defined(__clang__)
#define FINI_WEAK __attribute__((weak))
/* Another name of a function of the same file, unless somebody else defines it. Mach-O has no
 * such names: there platform/handlers.c defines it. */
#if defined(__MACH__)
#define FINI_WEAK_ALIAS(function) FINI_WEAK
#else
#define FINI_WEAK_ALIAS(function) __attribute__((weak, alias(#function)))
#endif
/* 101 is the first priority open to programs. */
#define FINI_CONSTRUCTOR __attribute__((constructor(101)))
/* No priority: glibc runs .fini_array from its end, and a function with a priority would run
 * after __do_global_dtors_aux, which destroys the image's C++ statics. */
#define FINI_DESTRUCTOR __attribute__((destructor))
/* After those statics too, and all else of the image. */
#define FINI_LAST_DESTRUCTOR __attribute__((destructor(101)))
/* A function whose frame is looked at (FINI_FRAME, in platform/processor.h) has to have one. */
#define FINI_NOINLINE __attribute__((noinline))
#define FINI_UNUSED __attribute__((unused))
/* As the last statement: the call before it does not replace this frame by its own. */
#define FINI_NO_TAIL_CALL() __asm__ volatile("" ::: "memory")
/* An object that compilers would find to be never written, and move to a page of constants. */
#define FINI_STAYS_WRITABLE(object) __asm__ volatile("" : "+m"(object))
/* Runs once or twice in the life of an image: its size counts, not its speed. */
#if defined(__clang__)
#define FINI_COLD __attribute__((cold, minsize))
#else
#define FINI_COLD __attribute__((cold))
#endif
/* A variable that has to stand in a section of this name, although nobody refers to it. */
#define FINI_IN_SECTION(name) __attribute__((section(name), used))
/* For what every call of a hot function goes through, although size counts more elsewhere. */
#define FINI_ALWAYS_INLINE inline __attribute__((always_inline))
/* A structure that is laid over another one. */
#define FINI_MAY_ALIAS __attribute__((may_alias))
/* Looks at what libc writes, which the thread sanitizer sees and knows no order for. gcc before 11
 * puts it into functions that are watched, and watches it there. */
#ifdef __SANITIZE_THREAD__
#define FINI_NOT_WATCHED __attribute__((no_sanitize_thread, noinline))
#else
#define FINI_NOT_WATCHED __attribute__((no_sanitize_thread))
#endif
#define FINI_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define FINI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#elif defined(_WIN32)
/* MSVC, /std:c11 /experimental:c11atomics. What other names its linker takes is in windows.c. */
#define FINI_WEAK_ALIAS(function)
#define FINI_CONSTRUCTOR
#define FINI_LAST_DESTRUCTOR /* there are none: what it gives back, stays */
#define FINI_NOINLINE __declspec(noinline)
#define FINI_UNUSED
#define FINI_FRAME() ((const void *)0) /* instead of platform/processor.h */
#define FINI_COLD
#define FINI_IN_SECTION(name) __pragma(section(name, long, read)) __declspec(allocate(name))
#define FINI_ALWAYS_INLINE __forceinline
#define FINI_MAY_ALIAS
#define FINI_NOT_WATCHED
#define FINI_LIKELY(condition) (condition)
#define FINI_UNLIKELY(condition) (condition)
#else
#error "libfini needs constructors and destructors as gcc and clang spell them"
#endif

#endif
