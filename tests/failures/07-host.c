/* SPDX-License-Identifier: MIT
 *
 * 07-host.c - opens the lower library and then the upper one, and may close the upper one. It
 * keeps the lower one to the end, when its exit handler runs: glibc finalizes all that goes in one
 * dlclose before it unmaps any of it.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "host.h"

int main(int argc, char **argv)
{
    if (dlopen("./07-crypto.so", RTLD_NOW) == NULL)
        return 2;
    void *module = host_open(argc, argv);
    host_find(module, "work")();
    if (host_unloads(argv))
        host_close(module);
    return 0;
}
