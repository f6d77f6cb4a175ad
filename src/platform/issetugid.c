/* SPDX-License-Identifier: MIT
 *
 * What the environment says.
 *
 * Decides: to believe it unless the process has more rights than who started it.
 * Leaves to others: what is asked (core.h).
 */
#include "select.h"

#ifdef FINI_USES_ISSETUGID

#include <stdlib.h>
#include <unistd.h>

#include "../platform.h"

bool fini__platform_setting(const char *name)
{
    const char *value = issetugid() ? NULL : getenv(name);
    return value && value[0] == '1' && value[1] == '\0';
}

#else
typedef int fini__issetugid_is_not_for_this_platform;
#endif
