/* SPDX-License-Identifier: MIT
 *
 * Workers of a program. Linked statically, there is no loader to ask for pthread_create.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "fini.h"
#include "harness.h"

static struct fini_worker worker = FINI_WORKER_INIT;
static atomic_bool begun;

static void until_stopped(struct fini_worker *w, void *arg)
{
    begun = true;
    require_eq(fini_worker_wait(w, -1), FINI_OK);
    say("%s", (const char *)arg);
}

static void start(void)
{
    require_eq(fini_worker_start(&worker, until_stopped, "stopped"), FINI_OK);
    while (!begun)
        usleep(1000);
}

CASE(started_and_stopped, .expect = "stopped\n")
{
    start();
    require_eq(fini_worker_stop(&worker), FINI_OK);
    require_eq(fini_worker_stop(&worker), FINI_ENOENT);
}

CASE(left_alone_at_exit)
{
    start();
}
