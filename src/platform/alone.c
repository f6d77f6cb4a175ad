/* SPDX-License-Identifier: MIT
 *
 * glibc: whether there is one thread.
 *
 * Decides: to believe libc, from 2.32 on. It says no from the first pthread_create on, for good,
 * and in a dlmopen namespace from the start (seen in 2.36).
 * Leaves to others: everything else of the platform (glibc.c).
 */
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include "../platform.h"

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define FINI_GLIBC_SINGLE_THREADED 1
#endif
#endif

#ifdef FINI_GLIBC_SINGLE_THREADED

/* Weak: the image may be run with an older libc than it was built with. */
extern __typeof__(__libc_single_threaded) __libc_single_threaded FINI_WEAK;

bool fini__platform_alone(void)
{
    return &__libc_single_threaded != NULL && __libc_single_threaded;
}

#else

bool fini__platform_alone(void)
{
    return false;
}

#endif

#else
typedef int fini__alone_is_of_another_platform;
#endif
