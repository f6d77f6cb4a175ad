/* SPDX-License-Identifier: MIT
 *
 * keeper.c - the library of krb5's shape: its plugin depends on it, it has opened the plugin, and
 * its finalizer closes the plugin. At exit() that is after the plugin's own finalizer.
 */
#include <dlfcn.h>

extern void *keeper_handle;
extern void *keeper_open(const char *path);

void *keeper_handle;

void *keeper_open(const char *path)
{
    keeper_handle = dlopen(path, RTLD_NOW);
    return keeper_handle;
}

__attribute__((destructor)) static void close_plugin(void)
{
    if (keeper_handle)
        dlclose(keeper_handle);
}
