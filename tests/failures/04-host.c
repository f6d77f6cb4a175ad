/* SPDX-License-Identifier: MIT
 *
 * 04-host.c - a thread of the host has used the module and goes on with other things, when the host
 * unloads the module, or exits. Or the thread ends first.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "host.h"

static host_function *work;
static sem_t has_worked, may_end;

static void *work_once(void *unused)
{
    work();
    sem_post(&has_worked);
    sem_wait(&may_end);
    return unused;
}

static void end_thread(pthread_t thread)
{
    sem_post(&may_end);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *module = host_open(argc, argv);
    work = host_find(module, "work");
    sem_init(&has_worked, 0, 0);
    sem_init(&may_end, 0, 0);
    if (pthread_create(&thread, NULL, work_once, NULL) != 0)
        return 2;
    sem_wait(&has_worked);
    if (strcmp(argv[2], "thread") == 0) {
        end_thread(thread);
        host_close(module);
    } else if (host_unloads(argv)) {
        host_close(module);
        end_thread(thread);
    }
    return 0;
}
