/* SPDX-License-Identifier: MIT
 *
 * stays_base.c - a library that opens a plugin which depends on it, and closes it in its own
 * destructor: what krb5 did. Then it takes some time, as other destructors may.
 */
#include <dlfcn.h>
#include <unistd.h>

#include "harness.h"

extern void *base_plugin;
void *base_plugin;

__attribute__((destructor)) static void close_plugin(void)
{
    if (base_plugin == NULL)
        return;
    say("closing: %d", dlclose(base_plugin));
    usleep(100000);
    say("base is done");
}
