/* SPDX-License-Identifier: MIT
 *
 * A plugin that does what its host asks for (parts.h), and says why it ends.
 */
#include <stdatomic.h>

#include "../matrix/line.h"
#include "parts.h"

static struct fini_hold one_hold;
static struct fini_worker one_worker;
static struct fini_gate one_gate = FINI_GATE_INIT;
static struct fini_local one_local;
static _Atomic unsigned ended;

static int hold(void)
{
    return fini_hold(&one_hold);
}

static int release(void)
{
    return fini_release(&one_hold);
}

static void nothing(void *arg, fini_reason why)
{
    (void)arg, (void)why;
}

static int value(void)
{
    return fini_local_init(&one_local, nothing);
}

static void wait_to_stop(struct fini_worker *worker, void *arg)
{
    (void)arg;
    fini_worker_wait(worker, -1);
    atomic_fetch_add(&ended, 1);
}

static int start(void)
{
    return fini_worker_start(&one_worker, wait_to_stop, NULL);
}

static int stop(void)
{
    return fini_worker_stop(&one_worker);
}

static unsigned rounds(void)
{
    return atomic_load(&ended);
}

static bool enter(void)
{
    return fini_gate_enter(&one_gate);
}

static void leave(void)
{
    fini_gate_leave(&one_gate);
}

static int close_gate(int64_t timeout)
{
    return fini_gate_close(&one_gate, timeout);
}

static int open_gate(void)
{
    return fini_gate_open(&one_gate);
}

static void tell(void *arg, fini_reason why)
{
    (void)arg;
    line("told %s", fini_reason_name(why));
}
FINI_HOOK(tell, NULL, FINI_ALWAYS);
FINI_LIBRARY("org.example.parts");

extern const struct parts parts __attribute__((visibility("default")));
const struct parts parts = {fini_traits, fini_generation, fini_pin,      hold,
                            release,     fini_hold_for_thread, fini_keep_put, fini_keep_get,
                            value,       start,           stop,          rounds,
                            enter,       leave,           close_gate,    open_gate};
