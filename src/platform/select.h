/* SPDX-License-Identifier: MIT
 *
 * Which platform file is meant: the one place that compares names of systems. Each file in this
 * folder compiles to nothing unless it is the one. What several systems have in common is in files
 * of its own, which each asks for by FINI_USES_...:
 *
 *   LINUX           linux.c, fences.c: system calls of Linux
 *   POSIX           posix.c: memory by mmap and malloc
 *   SECURE_GETENV   environment.c
 *   DOMAINS         domains.c: bindtextdomain is in libc, and keeps an address for us
 *   RECORD          record.c: one record a process, and a page that forked children find cleared
 *   SELF            self.c: what the record says, without a call of libc
 *   EXIT_CALLS      exit_calls.c: __cxa_atexit, and __cxa_finalize that takes back one handler
 *   WORKERS         workers.c: POSIX threads
 *   KEY             key.c: thread values where nothing is ever unloaded
 *   PLAIN           plain.c, naps.c, images.c, leaving.c: little is asked of a system that has
 *                   never been run
 *   ARRAY           array.c: .init_array, .fini_array
 *   LINKMAPS        linkmaps.c: dl_iterate_phdr, and what a handle of dlopen leads to
 *   LOADER_THREAD   loader_thread.c: exit() runs thread_local destructors first
 *   PAGES, ENDS     pages.c, ends.c: something of the system's own keeps an address for us
 *   ISSETUGID       issetugid.c
 *   HANDLERS        handlers.c: weak functions in place of weak names
 *
 * and what one lacks is asked for by FINI_WITHOUT_...: PAGES (without.c), CANCELLATION,
 * TRY_JOIN.
 *
 * Also whether the thread sanitizer looks on, which knows neither fences nor what libc orders.
 *
 * FINI_PLATFORM_NONE and FINI_PLATFORM_FAKE can be asked for on the command line: the first to
 * see what an unknown system gets, the second by the unit tests, which bring their own platform.
 * FINI_PLATFORM_GIVEN beside any other: tests run files of other systems where they are
 * (tests/systems).
 */
#ifndef FINI_SELECT_H
#define FINI_SELECT_H

/* Some libcs hide what is not of ISO C where C11 is asked for. Before the first header. */
#ifndef __EXTENSIONS__
#define __EXTENSIONS__ 1 /* illumos */
#endif
#ifndef _NETBSD_SOURCE
#define _NETBSD_SOURCE 1
#endif

#include <limits.h> /* any header of libc: __GLIBC__ */
#include <time.h>   /* musl has no name, but marks each type that it has defined */

#if !defined(FINI_PLATFORM_NONE) && !defined(FINI_PLATFORM_FAKE) && !defined(FINI_PLATFORM_GIVEN)
#if defined(__linux__) && defined(__GLIBC__) && !(defined(__x86_64__) && defined(__ILP32__))
#define FINI_PLATFORM_GLIBC 1
#define FINI_USES_LINUX 1
#define FINI_USES_POSIX 1
#define FINI_USES_SECURE_GETENV 1
#define FINI_USES_DOMAINS 1
#define FINI_USES_RECORD 1
#define FINI_USES_SELF 1
#define FINI_USES_EXIT_CALLS 1
#define FINI_USES_WORKERS 1
#elif defined(__linux__) && defined(__DEFINED_time_t) && defined(__x86_64__) && !defined(__ILP32__)
#define FINI_PLATFORM_MUSL 1
#define FINI_USES_LINUX 1
#define FINI_USES_POSIX 1
#define FINI_USES_SECURE_GETENV 1
#define FINI_USES_DOMAINS 1
#define FINI_USES_RECORD 1
#define FINI_USES_SELF 1
#define FINI_USES_WORKERS 1
#define FINI_USES_KEY 1
#elif defined(_WIN32) && !defined(__CYGWIN__)
#define FINI_PLATFORM_WINDOWS 1
#elif defined(__APPLE__) && defined(__MACH__)
#define FINI_PLATFORM_MACOS 1
#elif defined(__FreeBSD__)
#define FINI_PLATFORM_FREEBSD 1
#elif defined(__OpenBSD__)
#define FINI_PLATFORM_OPENBSD 1
#elif defined(__NetBSD__)
#define FINI_PLATFORM_NETBSD 1
#elif defined(__illumos__)
#define FINI_PLATFORM_ILLUMOS 1
#elif defined(__BIONIC__)
#define FINI_PLATFORM_BIONIC 1
#else
#define FINI_PLATFORM_NONE 1
#endif
#endif

#if defined(FINI_PLATFORM_MACOS)
#define FINI_USES_PLAIN 1
#define FINI_USES_PAGES 1
#define FINI_USES_ENDS 1
#define FINI_USES_ISSETUGID 1
#elif defined(FINI_PLATFORM_FREEBSD) || defined(FINI_PLATFORM_OPENBSD)
#define FINI_USES_PLAIN 1
#define FINI_USES_ARRAY 1
#define FINI_USES_LINKMAPS 1
#define FINI_USES_LOADER_THREAD 1
#define FINI_USES_ISSETUGID 1
#define FINI_WITHOUT_PAGES 1
#elif defined(FINI_PLATFORM_NETBSD)
#define FINI_USES_PLAIN 1
#define FINI_USES_ARRAY 1
#define FINI_USES_LINKMAPS 1
#define FINI_USES_ISSETUGID 1
#define FINI_WITHOUT_PAGES 1
#elif defined(FINI_PLATFORM_ILLUMOS)
#define FINI_USES_PLAIN 1
#define FINI_USES_ARRAY 1
#define FINI_USES_LINKMAPS 1
#define FINI_USES_DOMAINS 1
#define FINI_USES_PAGES 1
#define FINI_USES_ENDS 1
#define FINI_USES_ISSETUGID 1
#elif defined(FINI_PLATFORM_BIONIC)
#define FINI_USES_PLAIN 1
#define FINI_WITHOUT_PAGES 1
#define FINI_WITHOUT_CANCELLATION 1
#endif

#ifdef FINI_USES_PLAIN
#define FINI_USES_POSIX 1
#define FINI_USES_WORKERS 1
#define FINI_WITHOUT_TRY_JOIN 1
#endif

/* Mach-O has no second names for functions. */
#if defined(__MACH__) && !defined(FINI_PLATFORM_FAKE)
#define FINI_USES_HANDLERS 1
#endif

/* 1: compiled for the thread sanitizer. */
#if defined(__SANITIZE_THREAD__)
#define FINI_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FINI_THREAD_SANITIZER 1
#endif
#endif
#ifndef FINI_THREAD_SANITIZER
#define FINI_THREAD_SANITIZER 0
#endif

#endif
