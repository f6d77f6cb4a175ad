/* SPDX-License-Identifier: MIT
 *
 * Handlers that an image need not define, where the format of object files has no second names.
 *
 * Decides: weak functions that do nothing, in place of weak names of one (compiler.h).
 * Leaves to others: to call them (image.c), to ask them (generation.c).
 */
#include "select.h"

#ifdef FINI_USES_HANDLERS

#include <stddef.h>

#include "../compiler.h"

FINI_API FINI_WEAK void fini_unload_handler(void);
FINI_API FINI_WEAK void fini_exit_handler(void);
FINI_API FINI_WEAK const char *fini__library(void);

void fini_unload_handler(void)
{
}

void fini_exit_handler(void)
{
}

const char *fini__library(void)
{
    return NULL;
}

#else
typedef int fini__handlers_are_not_for_this_platform;
#endif
