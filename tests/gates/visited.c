/* SPDX-License-Identifier: MIT
 *
 * A library whose gate is used to the very end: by calls, by a hook, and by an exit handler, which
 * runs after the hooks when the library is unloaded.
 */
#include <stdlib.h>

#include "visited.h"
#include "fini.h"

static struct fini_gate gate = FINI_GATE_INIT;
static unsigned *visits;

static void visit(void)
{
    if (!fini_gate_enter(&gate))
        return;
    ++*visits;
    fini_gate_leave(&gate);
}

static void visit_in_hook(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    visit();
}

FINI_UNLOAD_HOOK(visit_in_hook, NULL);

void visited_begin(unsigned *count)
{
    visits = count;
    atexit(visit);
    visit();
}
