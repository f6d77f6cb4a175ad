/* SPDX-License-Identifier: MIT
 *
 * The first FINI_ON_EXIT_BEGIN hook is added, and its exit handler registered with libc, in one
 * thread, while another unloads the image.
 *
 * Decides: that no handler is left behind, which exit() would then call in unmapped code. The
 * program has a __cxa_atexit of its own, which takes its time: the unload comes in the middle.
 * Leaves to others: the unload that meets a running handler (begin.c).
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

static const struct plugin *plugin;
static struct fini_hook begin_hook, last_hook;
static atomic_int inside;   /* the adder is where it was to be met */
static atomic_int returned; /* ... and has left the image */
static __thread bool slow;  /* this thread registers handlers slowly */

typedef int register_fn(void (*fn)(void *), void *arg, void *owner);
static register_fn *libc_register;

register_fn __cxa_atexit;

int __cxa_atexit(void (*fn)(void *), void *arg, void *owner)
{
    if (libc_register == NULL)
        libc_register = (register_fn *)(size_t)dlsym(RTLD_NEXT, "__cxa_atexit");
    if (slow) {
        atomic_store(&inside, 1);
        nap(100 * 1000);
    }
    return libc_register(fn, arg, owner);
}

static void wait_for(atomic_int *flag)
{
    while (!atomic_load(flag))
        nap(100);
}

static void *add_slowly(void *expected)
{
    slow = true;
    errno = 77;
    int error = plugin->add(&begin_hook);
    slow = false;
    require_eq(errno, 77);
    require_eq(error, *(int *)expected);
    atomic_store(&returned, 1);
    return NULL;
}

static void *open_with(fini_fn *fn)
{
    void *handle = open_plugin("plugin.so", &plugin);
    atomic_store(&inside, 0);
    atomic_store(&returned, 0);
    begin_hook = (struct fini_hook)SPEAKER(plugin, "begin", FINI_ON_EXIT_BEGIN);
    last_hook = (struct fini_hook){.fn = fn, .when = FINI_ON_UNLOAD};
    require_eq(plugin->add(&last_hook), FINI_OK);
    return handle;
}

static pthread_t start_adder(int *expected)
{
    pthread_t adder;
    require_eq(pthread_create(&adder, NULL, add_slowly, expected), 0);
    return adder;
}

/* The image must not go before the adder has left it. */
static void wait_until_returned(void *arg, fini_reason why)
{
    (void)arg;
    wait_for(&returned);
    say("hook: %s", reason(why));
}

/* Three times, so that what the first leaves behind is met by a handler of the next as well. */
CASE(registered_while_the_unload_begins, .unloads = true,
     .expect = "hook: unload\nhook: unload\nhook: unload\n")
{
    int expected = FINI_OK;
    for (int round = 0; round < 3; round++) {
        void *handle = open_with(wait_until_returned);
        pthread_t adder = start_adder(&expected);
        wait_for(&inside);
        close_plugin(handle);
        pthread_join(adder, NULL);
    }
}

static pthread_t late_adder;
static int too_late = FINI_EFINALIZING;

static void let_add(void *arg, fini_reason why)
{
    late_adder = start_adder(&too_late);
    wait_until_returned(arg, why);
    require(!atomic_load(&inside));
}

CASE(refused_when_the_unload_has_begun, .unloads = true, .expect = "hook: unload\n")
{
    close_plugin(open_with(let_add));
    pthread_join(late_adder, NULL);
}

/* An exit handler unloads. */
static void *opened;

static void close_in_handler(void)
{
    close_plugin(opened);
    pthread_join(late_adder, NULL);
}

CASE(refused_in_an_unload_at_exit, .unloads = true, .after = "hook: unload at exit\n")
{
    opened = open_with(let_add);
    require_eq(atexit(close_in_handler), 0);
}

/* ---- the unload waits for exit() ------------------------------------------------------------- */

static atomic_int closing;

/* Of exit(), in a thread: the unload waits for it, and what is added now would be registered anew,
 * behind the back of the unload. */
static void add_until_refused(void *arg, fini_reason why)
{
    static struct fini_hook hook;
    int error = FINI_OK;
    (void)arg;
    atomic_store(&inside, 1);
    wait_for(&closing);
    for (int n = 0; n < 2000 && error == FINI_OK; n++) {
        nap(1000);
        hook = (struct fini_hook)SPEAKER(plugin, "late", FINI_ON_EXIT_BEGIN);
        error = plugin->add(&hook);
        require(error != FINI_OK || plugin->remove(&hook) == FINI_OK);
    }
    say("%s: %s", reason(why), error == FINI_EFINALIZING ? "refused" : "added");
}

static void *call_exit(void *arg)
{
    exit(arg != NULL);
}

CASE(refused_in_an_unload_that_waits, .unloads = true, .ends = true, .expect = "exit: refused\n")
{
    pthread_t thread;
    void *handle = open_plugin("plugin.so", &plugin);
    begin_hook = (struct fini_hook){.fn = add_until_refused, .when = FINI_ON_EXIT_BEGIN};
    require_eq(plugin->add(&begin_hook), FINI_OK);
    require_eq(pthread_create(&thread, NULL, call_exit, NULL), 0);
    wait_for(&inside);
    atomic_store(&closing, 1);
    close_plugin(handle);
    for (;;)
        pause();
}
