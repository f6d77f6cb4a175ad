/* SPDX-License-Identifier: MIT
 *
 * thread-host.c - calls the module's work() in a thread, again and again. It unloads the module
 * when the thread has left it, or returns from main while the thread is inside.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "host.h"

static host_function *work;
static atomic_bool leaving, entered;

static void *work_on(void *unused)
{
    (void)unused;
    while (!atomic_load(&leaving)) {
        work();
        atomic_store(&entered, true);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *module = host_open(argc, argv);
    work = host_find(module, "work");
    if (pthread_create(&thread, NULL, work_on, NULL) != 0)
        return 2;
    while (!atomic_load(&entered))
        host_nap(1);
    if (host_unloads(argv)) {
        atomic_store(&leaving, true);
        pthread_join(thread, NULL);
        host_close(module);
    }
    return 0;
}
