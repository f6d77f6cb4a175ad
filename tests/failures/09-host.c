/* SPDX-License-Identifier: MIT
 *
 * 09-host.c - has work done by the module's threads. Then it unloads the module, or exits, or lets
 * a forked child exit; or it exits while a thread of the module runs a task of the program's, which
 * waits for something that will not come any more.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

static atomic_bool waiting;

static void wait_for_ever(void)
{
    atomic_store(&waiting, true);
    for (;;)
        pause();
}

static void block_worker(void *module)
{
    void (*pool_do)(host_function *task);
    *(void **)&pool_do = host_symbol(module, "pool_do");
    pool_do(wait_for_ever);
    while (!atomic_load(&waiting))
        host_nap(1);
}

int main(int argc, char **argv)
{
    void *module = host_open(argc, argv);
    host_find(module, "work")();
    if (host_unloads(argv))
        host_close(module);
    if (strcmp(argv[2], "fork") == 0)
        host_end_as_child(NULL);
    if (strcmp(argv[2], "blocked") == 0)
        block_worker(module);
    return 0;
}
