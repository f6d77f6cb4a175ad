/* SPDX-License-Identifier: MIT
 *
 * 08-host.c - uses the module, which begins a thread. Then it finishes with the module and unloads
 * it; or forgets to finish; or exits; or a forked child finishes and exits, without that thread.
 */
#include <stddef.h>
#include <string.h>

#include "host.h"

enum { UNTIL_IT_RUNS = 10 };

int main(int argc, char **argv)
{
    void *module = host_open(argc, argv);
    host_function *finish = host_find(module, "finish");
    host_find(module, "work")();
    host_nap(UNTIL_IT_RUNS);
    if (host_unloads(argv))
        finish();
    if (host_unloads(argv) || strcmp(argv[2], "forgets") == 0)
        host_close(module);
    if (strcmp(argv[2], "fork") == 0)
        host_end_as_child(finish);
    return 0;
}
