/* SPDX-License-Identifier: MIT
 *
 * plugin.c - the image whose finalization the matrix is about.
 *
 * Decides: that everything which can ask libfini does so, and says the answer: constructor, hooks,
 * exit handler, destructors. One line each, so that the transcript shows the order as well.
 * Leaves to others: loading, ending, and what is right (matrix.c). C and C++.
 *
 * PLUGIN_BARE: linked without crtbegin, which is what gives exit handlers back at an unload.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fini.h"
#include "line.h"
#include "plugin.h"

/* ---- hooks ----------------------------------------------------------------------------------- */

static int exit_in_hook;

static void hook(void *name, fini_reason why)
{
    line("%s hook: %s%s%s%s", (const char *)name, fini_reason_name(why),
         fini_exiting() ? ", exiting" : "", fini_forked() ? ", forked" : "",
         fini_why() == why ? "" : ", but fini_why() differs");
    if (exit_in_hook) {
        exit_in_hook = 0;
        exit(0);
    }
}

static struct fini_hook added = FINI_HOOK_INIT(hook, (void *)"added", FINI_ALWAYS);
static struct fini_hook parents = FINI_HOOK_INIT(hook, (void *)"parent's",
                                                 FINI_ALWAYS | FINI_NOT_IN_CHILD);
FINI_HOOK(hook, (void *)"file", FINI_ALWAYS);

/* ---- exit handler: in C++ the destructor of a static object ---------------------------------- */

static void at_exit(void)
{
    line("exit handler%s%s", getenv("MATRIX_ASK") ? ": " : "",
         getenv("MATRIX_ASK") ? fini_reason_name(fini_why()) : "");
}

#ifdef __cplusplus
namespace {
struct object {
    ~object()
    {
        at_exit();
    }
};
}
static void add_exit_handler(void)
{
    static object at_exit_too;
    (void)at_exit_too;
}
#elif defined(PLUGIN_BARE)
static void add_exit_handler(void)
{
    (void)at_exit;
}
#else
static void add_exit_handler(void)
{
    atexit(at_exit);
}
#endif

/* ---- constructor and destructors ------------------------------------------------------------- */

static int is_way_out(const char *name)
{
    const char *out = getenv("MATRIX_OUT");
    return out && strcmp(out, name) == 0;
}

__attribute__((constructor)) static void constructed(void)
{
    line("constructor: %s%s", fini_reason_name(fini_why()), fini_forked() ? ", forked" : "");
    /* libc does not keep an image mapped while exit() runs an exit handler of it. */
    if (!is_way_out("dlclose-while-exit"))
        add_exit_handler();
    if (fini_add(&parents) != FINI_OK || fini_add(&added) != FINI_OK)
        line("fini_add failed");
    if (is_way_out("exit-own-constructor"))
        exit(0);
}

/* Where this one stands among libfini's own is up to the linker, so it only takes a note. */
static const char *plain_destructor = "not run";

__attribute__((destructor)) static void destructed(void)
{
    plain_destructor = fini_reason_name(fini_why());
}

/* With a priority: after everything else of the image. */
__attribute__((destructor(101))) static void destructed_last(void)
{
    line("destructors: %s, %s", plain_destructor, fini_reason_name(fini_why()));
}

/* ---- what hosts call ------------------------------------------------------------------------- */

static void spin(void)
{
    for (;;) {
        for (volatile int i = 0; i < 1000; i = i + 1)
            continue;
        sched_yield();
    }
}

static void leave(void)
{
    exit(0);
}

static void leave_in_hook(void)
{
    exit_in_hook = 1;
}

static void nothing(void *arg)
{
    (void)arg;
}

#ifdef __cplusplus
extern "C"
#else
extern
#endif
    int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *image)
        __attribute__((weak));

/* What the first thread_local object with a destructor does. */
static void hold_by_thread(void)
{
    if (__cxa_thread_atexit_impl)
        __cxa_thread_atexit_impl(nothing, NULL, &added);
}

const struct plugin_api plugin_api = {spin, leave, leave_in_hook, hold_by_thread};
