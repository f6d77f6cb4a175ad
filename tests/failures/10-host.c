/* SPDX-License-Identifier: MIT
 *
 * 10-host.c - main returns, and a thread unloads the module while exit() runs its clean-up; or the
 * thread unloads it while main waits.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "host.h"

static void *module;

static void *close_now(void *unused)
{
    host_close(module);
    return unused;
}

static void *close_in_exit(void *is_ending)
{
    while (atomic_load((atomic_int *)is_ending) == 0)
        host_nap(1);
    return close_now(NULL);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    module = host_open(argc, argv);
    host_find(module, "work")();
    void *is_ending = host_symbol(module, "layer_is_ending");
    if (pthread_create(&thread, NULL, host_unloads(argv) ? close_now : close_in_exit,
                       is_ending) != 0)
        return 2;
    if (host_unloads(argv))
        pthread_join(thread, NULL);
    return 0;
}
