/* SPDX-License-Identifier: MIT
 *
 * What the environment says.
 *
 * Decides: to ask secure_getenv, which says nothing in a set-uid process.
 * Leaves to others: what is asked (core.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_SECURE_GETENV

#include <stdlib.h>

#include "../platform.h"

bool fini__platform_setting(const char *name)
{
    const char *value = secure_getenv(name);
    return value && value[0] == '1' && value[1] == '\0';
}

#else
typedef int fini__environment_is_not_for_this_platform;
#endif
