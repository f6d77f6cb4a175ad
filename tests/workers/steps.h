/* SPDX-License-Identifier: MIT
 *
 * steps.h - what life.c and hard.c do with the workers of one plugin.
 */
#ifndef WORKERS_STEPS_H
#define WORKERS_STEPS_H

#include <stdatomic.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

static struct image image;
static atomic_int begun; /* workers; each counts itself */

static void start(int n, void (*body)(int n))
{
    int before = begun;
    require_eq(image.p->start(n, body), FINI_OK);
    while (begun == before)
        usleep(1000);
}

/* Elsewhere the unload does it. */
static void stop_where_it_stays(int n)
{
    if (WHERE_UNLOADED(false, true))
        require_eq(image.p->stop(n), FINI_OK);
}

/* Long enough for who does not wait to be gone. */
static void take_a_while(void)
{
    usleep(20000);
}

#endif
