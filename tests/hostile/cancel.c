/* SPDX-License-Identifier: MIT
 *
 * A thread of the host is cancelled while it is in dlclose.
 *
 * Decides: a cancelled finalization runs to its end with libfini, and the loader works afterwards;
 * without it the thread is cut off inside the loader's lock, and the next dlopen never returns.
 * An asynchronous cancellation is different: it strikes when the finalizer returns, still inside
 * the loader. POSIX lets nobody call dlclose so; the hooks are run all the same.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"

static atomic_bool inside;
static int type;

/* Called by the plugin's finalizer: the cancellation comes while it is here. */
static void be_cancelled(void)
{
    atomic_store(&inside, true);
    for (int n = 0; n < 100; n++)
        usleep(500);
}

static void *close_it(void *arg)
{
    pthread_setcanceltype(type, NULL);
    life_unload();
    pthread_testcancel();
    return arg;
}

static void load_slow(void)
{
    life_load();
    atomic_store(&life_report->slow, be_cancelled);
}

static void *result;

static void cancel_in_dlclose(void)
{
    pthread_t thread;
    load_slow();
    if (pthread_create(&thread, NULL, close_it, NULL) != 0)
        _exit(9);
    while (!atomic_load(&inside))
        usleep(100);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    if (result != PTHREAD_CANCELED)
        _exit(8);
}

static void *be_still(void *arg)
{
    pause();
    return arg;
}

/* The first pthread_cancel loads libgcc_s, and so would wait for the loader. */
static void cancel_once_before(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, be_still, NULL) != 0 || pthread_cancel(thread) != 0 ||
        pthread_join(thread, NULL) != 0)
        _exit(7);
}

static void live(void)
{
    cancel_once_before();
    cancel_in_dlclose();
    atomic_store(&life_report->phase, 1);
    life_load();
    atomic_store(&life_report->phase, 2);
    _exit(0);
}

/* What hangs does so for ever: `seconds` are few where that is expected. */
static void judge(const char *plugin, int cancel_type, int seconds)
{
    life_plugin = plugin;
    life_patience = seconds;
    type = cancel_type;
    int status = life_run(live, NULL);
    say("%s%d finalized, phase %d", status == HUNG ? "hangs, " : status ? "dies, " : "",
        atomic_load(&life_report->runs), atomic_load(&life_report->phase));
}

CASE(deferred, .timeout = 30, .expect = "hangs, 0 finalized, phase 1\n1 finalized, phase 2\n")
{
    judge("hostile-naive.so", PTHREAD_CANCEL_DEFERRED, 1);
    judge("hostile-fini.so", PTHREAD_CANCEL_DEFERRED, 8);
}

CASE(asynchronous, .timeout = 30,
     .expect = "hangs, 0 finalized, phase 1\nhangs, 1 finalized, phase 1\n")
{
    judge("hostile-naive.so", PTHREAD_CANCEL_ASYNCHRONOUS, 1);
    judge("hostile-fini.so", PTHREAD_CANCEL_ASYNCHRONOUS, 1);
}
