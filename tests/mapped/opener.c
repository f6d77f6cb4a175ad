/* SPDX-License-Identifier: MIT
 *
 * A library to preload: its constructor, before main, opens the one that MAPPED_OPEN names.
 */
#include <dlfcn.h>
#include <stdlib.h>

extern void *opened;
void *opened;

__attribute__((constructor)) static void open_other(void)
{
    opened = dlopen(getenv("MAPPED_OPEN"), RTLD_NOW | RTLD_LOCAL);
}
