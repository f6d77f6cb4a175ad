/* SPDX-License-Identifier: MIT
 *
 * 06-left.c - rust-ctor #94 and openssl #31486: a library leaves an exit handler behind when it is
 * unloaded, and exit() calls into memory that is no longer there.
 *
 * rust-ctor had its `dtor` functions run by libc's atexit; on AIX atexit never hears of dlclose.
 * glibc's atexit knows its library. Its on_exit does not: it is to glibc what atexit is there.
 */
#include <stdlib.h>

#include "module.h"

static char *cache;

#ifdef NAIVE

static void clean_up(int status, void *arg)
{
    (void)status, (void)arg;
    free(cache);
    say("cleaned up");
}

__attribute__((constructor)) static void arrange(void)
{
    on_exit(clean_up, NULL);
}

#else
#include "fini.h"

static void clean_up(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    free(cache);
    say("cleaned up");
}

FINI_HOOK(clean_up, NULL, FINI_ALWAYS);

#endif

void work(void)
{
    if (cache == NULL)
        cache = malloc(4096);
}
