/* SPDX-License-Identifier: MIT
 *
 * 07-ssl.c - openssl #9914, the upper library: it registers its clean-up in the lower library's
 * list, is unloaded before the lower one, and the list is called.
 *
 * A hook goes with the library that it belongs to. Where the other library has a way to take a
 * handler back, an unload hook is the place to call it.
 */
#include <stdlib.h>

#include "module.h"

static char *methods;

static void stop(void)
{
    free(methods);
    say("ssl stopped");
}

#ifdef NAIVE

extern int crypto_at_exit(void (*handler)(void));

static void have_stopped(void)
{
    crypto_at_exit(stop);
}

#else
#include "fini.h"

static void stop_hook(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    stop();
}

static void have_stopped(void)
{
    static struct fini_hook hook = FINI_HOOK_INIT(stop_hook, NULL, FINI_ALWAYS);
    fini_add(&hook);
}

#endif

void work(void)
{
    if (methods == NULL) {
        methods = malloc(64);
        have_stopped();
    }
}
