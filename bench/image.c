/* SPDX-License-Identifier: MIT
 *
 * The image that is measured: built plain, with a destructor, and with libfini, with a hook.
 */
int bench_value(void);

static int value;

__attribute__((constructor)) static void begin(void)
{
    value = 1;
}

#ifdef WITH_FINI
#include "fini.h"

static void end(void *arg, fini_reason why)
{
    (void)arg;
    value = (int)why;
}

FINI_HOOK(end, NULL, FINI_ALWAYS);
#else
__attribute__((destructor)) static void end(void)
{
    value = 2;
}
#endif

int bench_value(void)
{
    return value;
}
