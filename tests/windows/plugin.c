/* SPDX-License-Identifier: MIT
 *
 * plugin.c - a DLL with libfini. With BESIDE_DLLMAIN it has a DllMain as well, which refuses to be
 * attached if the environment says REFUSE.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "fini.h"
#include "plugin.h"
#include "say.h"

#ifdef __cplusplus
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT __declspec(dllexport)
#endif

static bool speaks; /* all kinds */

static void say_why(const char *who)
{
    if (speaks)
        say3(who, ": ", fini_reason_name(fini_why()));
}

static void run_hook(void *name, fini_reason why)
{
    if (fini_why() != why)
        say("fini_why says something else");
    if (speaks)
        say3((const char *)name, ": ", fini_reason_name(why));
}

static char name_unload[] = "older, unload", name_exit[] = "exit", name_both[] = "always";

FINI_UNLOAD_HOOK(run_hook, name_unload);
FINI_EXIT_HOOK(run_hook, name_exit);
FINI_HOOK(run_hook, name_both, FINI_ALWAYS);
FINI_LIBRARY("org.example.plugin");

void fini_unload_handler(void)
{
    say_why("unload handler");
}

void fini_exit_handler(void)
{
    say_why("exit handler");
}

static void own_handler(void)
{
    say_why("own handler");
}

static struct fini_worker worker = FINI_WORKER_INIT;

static void run_worker(struct fini_worker *w, void *arg)
{
    (void)arg;
    fini_worker_wait(w, -1);
    say("worker stops");
}

__attribute__((constructor)) static void construct(void)
{
    atexit(own_handler);
    if (GetEnvironmentVariableA("WORKER_AT_LOAD", NULL, 0) != 0)
        say_number("start", fini_worker_start(&worker, run_worker, NULL));
}

__attribute__((destructor)) static void destruct(void)
{
    say_why("destructor");
}

#ifdef __cplusplus
struct statics {
    ~statics() { say_why("static object"); }
};
static statics object;
#endif

#ifdef BESIDE_DLLMAIN
#ifdef __cplusplus
extern "C"
#endif
BOOL WINAPI DllMain(HINSTANCE self, DWORD event, LPVOID reserved)
{
    (void)self, (void)reserved;
    if (event == DLL_PROCESS_DETACH)
        say_why("DllMain");
    if (event == DLL_PROCESS_ATTACH && GetEnvironmentVariableA("REFUSE", NULL, 0) != 0) {
        speaks = true;
        return FALSE;
    }
    return TRUE;
}
#endif

/* ---- hooks ----------------------------------------------------------------------------------- */

static char name_added[] = "added", name_left[] = "left", name_early[] = "early";

static struct fini_hook added = FINI_HOOK_INIT(run_hook, name_added, FINI_ALWAYS);
static struct fini_hook early = FINI_HOOK_INIT(run_hook, name_early, FINI_ON_EXIT_BEGIN);

static void call_exit(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    say("calls exit");
    exit(3);
}

static void be_slow(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    Sleep(300);
    say("slow");
}

static struct fini_hook slow = FINI_HOOK_INIT(be_slow, NULL, FINI_ON_UNLOAD);
static struct fini_hook left = FINI_HOOK_INIT(run_hook, name_left, FINI_ALWAYS);
static struct fini_hook that_exits = FINI_HOOK_INIT(call_exit, NULL, FINI_ON_UNLOAD);

static int add_that_exits(void)
{
    speaks = true;
    fini_add(&left);
    return fini_add(&that_exits);
}

static int add_and_remove(void)
{
    static struct fini_hook hooks[4];
    for (unsigned n = 0;; n++) {
        struct fini_hook *hook = &hooks[n % 4];
        fini_remove(hook);
        hook->fn = run_hook;
        hook->arg = name_added;
        hook->when = FINI_ON_UNLOAD;
        fini_add(hook);
    }
    return 0;
}

/* ---- gates ----------------------------------------------------------------------------------- */

static struct fini_gate gate = FINI_GATE_INIT;

static void close_gate(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    say_number("close", fini_gate_close(&gate, -1));
    say_number("stop", fini_worker_stop(&worker));
}

static struct fini_hook closer = FINI_HOOK_INIT(close_gate, NULL, FINI_ON_EXIT);

/* ---- values ---------------------------------------------------------------------------------- */

static struct fini_local local = FINI_LOCAL_INIT;

static void destroy_value(void *value, fini_reason why)
{
    say3((const char *)value, ": ", fini_reason_name(why));
}

static int set_value(void)
{
    static char value[] = "value";
    int error = fini_local_init(&local, destroy_value);
    if (error != FINI_OK && error != FINI_EBUSY)
        return error;
    error = fini_local_set(&local, value);
    return error == FINI_OK && fini_local_get(&local) != value ? FINI_ESYSTEM : error;
}

static int clear_values(void)
{
    fini_local_destroy(&local);
    return fini_local_get(&local) == NULL ? FINI_OK : FINI_ESYSTEM;
}

/* ---- workers and holds ----------------------------------------------------------------------- */

static void run_that_holds(struct fini_worker *w, void *arg)
{
    (void)w;
    say_number("hold for thread", fini_hold_for_thread());
    SetEvent((HANDLE)arg);
    WaitForSingleObject(OpenEventA(SYNCHRONIZE, FALSE, WORKER_MAY_END), INFINITE);
    say("worker ends");
}

static int start_that_holds(void)
{
    HANDLE holds = CreateEventA(NULL, TRUE, FALSE, NULL);
    int error = fini_worker_start(&worker, run_that_holds, holds);
    if (error == FINI_OK)
        WaitForSingleObject(holds, INFINITE);
    CloseHandle(holds);
    return error;
}

static struct fini_hold hold = FINI_HOLD_INIT;

static int recall(void)
{
    char data[8];
    size_t size = sizeof data;
    int error = fini_keep_get("org.example.kept", data, &size);
    return error == FINI_OK ? (int)size : error;
}

/* ---- what the host asks for ------------------------------------------------------------------ */

static int do_hooks(int task)
{
    switch (task) {
    case ADD_ALL_KINDS:
        speaks = true;
        return 0;
    case ADD_ONE:
        return fini_add(&added);
    case ADD_EARLY:
        return fini_add(&early);
    case ADD_SLOW:
        return fini_add(&slow);
    case ADD_THAT_EXITS:
        return add_that_exits();
    case ADD_AND_REMOVE:
        return add_and_remove();
    case ADD_CLOSER:
        return fini_add(&closer);
    default:
        return 1;
    }
}

static int do_stay(int task)
{
    switch (task) {
    case PIN:
        return fini_pin();
    case HOLD:
        return fini_hold(&hold);
    case RELEASE:
        return fini_release(&hold);
    case HOLD_FOR_THREAD:
        return fini_hold_for_thread();
    case KEEP:
        return fini_keep_put("org.example.kept", "12345", 5);
    case RECALL:
        return recall();
    default:
        return do_hooks(task);
    }
}

static int do_ask(int task)
{
    switch (task) {
    case GENERATION:
        return (int)fini_generation();
    case TRAITS:
        return (int)fini_traits();
    case EXITING:
        return fini_exiting();
    case FORKED:
        return fini_forked();
    case WHY:
        return (int)fini_why();
    default:
        return do_stay(task);
    }
}

EXPORT int plugin_do(int task)
{
    switch (task) {
    case ENTER_GATE:
        return fini_gate_enter(&gate);
    case CLOSE_GATE:
        return fini_gate_close(&gate, 0);
    case SET_VALUE:
        return set_value();
    case CLEAR_VALUES:
        return clear_values();
    case START_WORKER:
        return fini_worker_start(&worker, run_worker, NULL);
    case STOP_WORKER:
        return fini_worker_stop(&worker);
    case START_WORKER_THAT_HOLDS:
        return start_that_holds();
    default:
        return do_ask(task);
    }
}
