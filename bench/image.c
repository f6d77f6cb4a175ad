/* SPDX-License-Identifier: MIT
 *
 * The image that is measured: built plain, with a destructor; with libfini, with a hook; and with
 * a handler of atexit.
 */
#include <stdlib.h>

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
static void end(void)
{
    value = 2;
}
#endif

#ifdef WITH_ATEXIT
__attribute__((constructor)) static void add(void)
{
    atexit(end);
}
#elif !defined(WITH_FINI)
__attribute__((destructor)) static void destroy(void)
{
    end();
}
#endif

int bench_value(void)
{
    return value;
}
