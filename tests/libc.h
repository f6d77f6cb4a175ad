/* SPDX-License-Identifier: MIT
 *
 * libc.h - which glibc 2.x it is, for cases in which they differ. Another libc is neither.
 */
#ifndef LIBC_H
#define LIBC_H

#include <limits.h>
#include <stdbool.h>

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>

static inline int glibc_minor(void)
{
    return atoi(strchr(gnu_get_libc_version(), '.') + 1);
}

static inline bool glibc_is_before(int minor)
{
    return glibc_minor() < minor;
}

static inline bool glibc_is_since(int minor)
{
    return glibc_minor() >= minor;
}
#else
static inline bool glibc_is_before(int minor)
{
    return minor < 0;
}

static inline bool glibc_is_since(int minor)
{
    return minor < 0;
}
#endif

#endif
