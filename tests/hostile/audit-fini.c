/* SPDX-License-Identifier: MIT
 *
 * audit-fini.c - a library for LD_AUDIT with libfini inside: loaded before everything else, into a
 * namespace of its own. Says nothing where it is told what is right: the exit.
 */
#include "fini.h"
#include "../matrix/line.h"

unsigned la_version(unsigned version);

static void hook(void *arg, fini_reason why)
{
    (void)arg;
    if (why != FINI_EXIT)
        line("the audit library is told %s", fini_reason_name(why));
}

FINI_HOOK(hook, NULL, FINI_ALWAYS);

unsigned la_version(unsigned version)
{
    return version;
}
