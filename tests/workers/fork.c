/* SPDX-License-Identifier: MIT
 *
 * A fork while another thread is in the middle of starting a worker.
 *
 * Leaves to others: what a child may do with workers otherwise (life.c).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "host.h"

static struct image image;
static pthread_t starter;
static atomic_bool holds_up;
static sem_t is_half_way, may_go_on;

/* Found by libfini, as sanitizers' functions are. */
extern __typeof__(pthread_create) pthread_create;
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    static __typeof__(pthread_create) *create;
    if (create == NULL)
        *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    if (atomic_exchange(&holds_up, false)) {
        sem_post(&is_half_way);
        sem_wait(&may_go_on);
    }
    return create(thread, attr, run, arg);
}

static void until_stopped(int n)
{
    image.p->wait(n, -1);
}

static void *start(void *unused)
{
    atomic_store(&holds_up, true);
    require_eq(image.p->start(0, until_stopped), FINI_OK);
    return unused;
}

static void start_half_way(void)
{
    sem_init(&is_half_way, 0, 0);
    sem_init(&may_go_on, 0, 0);
    require_eq(pthread_create(&starter, NULL, start, NULL), 0);
    sem_wait(&is_half_way);
}

static void start_all_the_way(void)
{
    sem_post(&may_go_on);
    pthread_join(starter, NULL);
}

static void stop_in_child(void *unused)
{
    (void)unused;
    require_eq(image.p->stop(0), FINI_OK);
    require_eq(image.p->stop(0), FINI_ENOENT);
    require_eq(image.p->start(0, until_stopped), FINI_OK);
    close_image(&image);
}

/* The worker's memory still knows the thread of its life before. */
CASE(a_fork_while_a_worker_is_started_again)
{
    open_image(&image, "workers-plugin.so");
    require_eq(image.p->start(0, until_stopped), FINI_OK);
    require_eq(image.p->stop(0), FINI_OK);
    start_half_way();
    in_sound_child(stop_in_child, NULL);
    start_all_the_way();
    close_image(&image);
}
