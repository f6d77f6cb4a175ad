/* SPDX-License-Identifier: MIT
 *
 * member.c - an image that lends its copy of libfini to the host.
 *
 * Decides: nothing. What is held, when, is up to each case.
 */
#include "member.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef MEMBER_LIBRARY
FINI_LIBRARY(MEMBER_LIBRARY);
#endif

/* ---- constructors ---------------------------------------------------------------------------- */

extern struct constructed constructed;
struct constructed constructed = {.error = 1};

/* The same priority as libfini's own, which is linked later. */
__attribute__((constructor(101))) static void construct_early(void)
{
    struct fini_hold hold = FINI_HOLD_INIT;
    const char *what = getenv("MAPPED_CONSTRUCTOR");
    if (!what || strcmp(what, "early") != 0)
        return;
    constructed.early_generation = fini_generation();
    constructed.early_keep = fini_keep_put("early", "x", 1);
    if (fini_hold(&hold) == FINI_OK)
        constructed.early_release = fini_release(&hold);
}

static int construct_as(const char *what)
{
    if (strcmp(what, "hold") == 0)
        return fini_hold(&constructed.hold);
    if (strcmp(what, "pin") == 0)
        return fini_pin();
    if (strcmp(what, "thread") == 0)
        return fini_hold_for_thread();
    int error = fini_hold(&constructed.hold);
    return error != FINI_OK ? error : fini_release(&constructed.hold);
}

__attribute__((constructor)) static void construct(void)
{
    const char *what = getenv("MAPPED_CONSTRUCTOR");
    constructed.generation = fini_generation();
    if (what && strcmp(what, "early") != 0)
        constructed.error = construct_as(what);
}

/* ---- the end --------------------------------------------------------------------------------- */

static struct ending *ending;
static void (*hook_act)(void), (*destructor_act)(void);

static void end(void *arg, fini_reason why)
{
    (void)arg;
    if (ending) {
        ending->why = (int)why;
        ending->thread = (int)syscall(SYS_gettid);
        atomic_fetch_add(&ending->count, 1);
    }
    if (hook_act)
        hook_act();
}
FINI_HOOK(end, NULL, FINI_ALWAYS);

__attribute__((destructor)) static void destruct(void)
{
    if (destructor_act)
        destructor_act();
    __asm__ volatile("" ::: "memory"); /* no tail call: this frame is what tells libfini */
}

static void tell(struct ending *memory)
{
    ending = memory;
}

static void in_hook(void (*act)(void))
{
    hook_act = act;
}

static void in_destructor(void (*act)(void))
{
    destructor_act = act;
}

/* By the image's own handle: the function may be the host's. */
static void (*exit_act)(void);

static void run_exit_act(void)
{
    exit_act();
}

static void in_exit_handler(void (*act)(void))
{
    exit_act = act;
    atexit(run_exit_act);
}

/* ---- inside ---------------------------------------------------------------------------------- */

static void nap(void)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    nanosleep(&millisecond, NULL);
}

static void *visit(void *arg)
{
    struct visit *v = arg;
    v->error = v->hold == HOLD_FOR_THREAD ? fini_hold_for_thread() : FINI_OK;
    atomic_store(&v->inside, 1);
    while (!atomic_load(&v->leave))
        nap();
    return NULL;
}

extern const struct member member;
const struct member member = {
    fini_traits,   fini_pin,        fini_hold, fini_release, fini_hold_for_thread,
    fini_keep_put, fini_keep_get,   fini_generation,         fini_strerror,
    tell,          in_hook,         in_destructor,           in_exit_handler,
    visit};
