/* SPDX-License-Identifier: MIT
 *
 * The image that is measured: built plain, with a destructor; with libfini, with a hook; with a
 * handler of atexit; and with what libfini might do instead: an exit mark for each image, libgcc's
 * unwinder.
 */
#include <signal.h>
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

#ifdef WITH_MARK
extern int __cxa_atexit(void (*fn)(void *), void *arg, void *owner);
extern void __cxa_finalize(void *owner);

static sigset_t *mark;

__attribute__((constructor)) static void set_mark(void)
{
    mark = calloc(1, sizeof *mark);
    __cxa_atexit((void (*)(void *))(void (*)(void))sigfillset, mark, mark);
}

__attribute__((destructor)) static void take_mark_back(void)
{
    __cxa_finalize(mark);
    free(mark);
}
#endif

#ifdef WITH_UNWINDER
#include <dlfcn.h>
#include <unwind.h>

/* As far as libfini's walk goes: to exit(), or to the end. */
static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *ret)
{
    void *function = _Unwind_FindEnclosingFunction((void *)_Unwind_GetIP(context));
    *(int *)ret |= function == (void *)(size_t)dlclose;
    return function == (void *)(size_t)exit ? _URC_END_OF_STACK : _URC_NO_REASON;
}

__attribute__((destructor)) static void walk(void)
{
    int unloads = 0;
    _Unwind_Backtrace(look, &unloads);
    value += unloads;
}
#endif

int bench_value(void)
{
    return value;
}
