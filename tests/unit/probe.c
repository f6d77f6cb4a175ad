/* SPDX-License-Identifier: MIT
 *
 * The probes of probe.h.
 */
#include "probe.h"

#include <errno.h>
#include <string.h>

struct probe A, B, C;

static void probe_run(void *arg, fini_reason why)
{
    struct probe *p = arg;
    say("%s %s", p->name, fini_reason_name(why));
    require_eq(fini_why(), why);
    if (p->act)
        p->act(p);
}

void probe_set(struct probe *p, const char *name, unsigned when, void (*act)(struct probe *))
{
    p->name = name;
    p->act = act;
    p->hook.fn = probe_run;
    p->hook.arg = p;
    p->hook.when = when;
}

void probe_start(void)
{
    fake_reset();
    inside_reset();
    memset(&A, 0, sizeof A);
    memset(&B, 0, sizeof B);
    memset(&C, 0, sizeof C);
    probe_set(&A, "A", FINI_ALWAYS, NULL);
    probe_set(&B, "B", FINI_ALWAYS, NULL);
    probe_set(&C, "C", FINI_ALWAYS, NULL);
}

void add(struct probe *p)
{
    errno = 0;
    int error = fini_add(&p->hook);
    if (error != FINI_OK)
        say("add %s: %s", p->name, fini_strerror(error));
    require(inside_whole());
}

void add_all(void)
{
    add(&A);
    add(&B);
    add(&C);
}

void drop(struct probe *p)
{
    int error = fini_remove(&p->hook);
    if (error != FINI_OK)
        say("remove %s: %s", p->name, fini_strerror(error));
    require(inside_whole());
}
