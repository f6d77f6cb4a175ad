/* SPDX-License-Identifier: MIT
 *
 * 06-host.c - loads the module, uses it, and may unload it; three times over, as a program does
 * that loads a provider whenever it needs one.
 */
#include "host.h"

int main(int argc, char **argv)
{
    for (int i = 0; i < 3; i++) {
        void *module = host_open(argc, argv);
        host_find(module, "work")();
        if (host_unloads(argv))
            host_close(module);
    }
    return 0;
}
