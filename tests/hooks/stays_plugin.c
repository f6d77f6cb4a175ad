/* SPDX-License-Identifier: MIT
 *
 * stays_plugin.c - a plugin with a thread that runs its code until the process ends. With NAIVE
 * defined it is without libfini; nothing else differs.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "harness.h"

extern void *base_plugin;
extern int start_thread(void);

/* A call into libc would hide that the code is gone. */
static void *run(void *arg)
{
    atomic_ulong *rounds = arg;
    for (;;)
        atomic_fetch_add(rounds, 1);
    return NULL;
}

int start_thread(void)
{
    static atomic_ulong rounds;
    pthread_t thread;
    int error = pthread_create(&thread, NULL, run, &rounds);
    while (error == 0 && atomic_load(&rounds) == 0)
        ;
    return base_plugin == NULL ? -1 : error;
}

#ifndef NAIVE
#include "fini.h"

static void speak(void *arg, fini_reason why)
{
    (void)arg;
    say("plugin: %s", fini_reason_name(why));
}

FINI_HOOK(speak, NULL, FINI_ALWAYS);
#else
__attribute__((destructor)) static void speak(void)
{
    say("plugin: no idea");
}
#endif
