/* SPDX-License-Identifier: MIT
 *
 * windows.c - what only Windows has: the parts of a DLL's detach, and their arguments.
 */
#include "answer.h"
#include "question.h"

#ifdef _WIN32
#include <windows.h>

#include <stdlib.h>
#include <string.h>

static struct loaded plugin;

static void unload_plugin(void)
{
    sys_close(plugin.handle);
    sys_quit();
}

/* ---- parts --------------------------------------------------------------------------------- */

static void say_part(struct face *face, const char *part, void *reserved)
{
    (void)face;
    (void)reserved;
    say(part);
}

static void load_with_parts(void (*on_part)(struct face *, const char *, void *))
{
    plugin = load("plugin");
    plugin.face->on_part = on_part;
    plugin.face->register_handler();
}

static void ask_parts_at_unload(const char *about)
{
    (void)about;
    load_with_parts(say_part);
    unload_plugin();
}

static void ask_parts_at_exit(const char *about)
{
    (void)about;
    load_with_parts(say_part);
}

static const char *wanted_part;

static void say_reserved(struct face *face, const char *part, void *reserved)
{
    (void)face;
    if (strcmp(part, wanted_part) == 0)
        say_if(reserved == NULL, "null", "not null");
}

static void ask_reserved_at_unload(const char *part)
{
    wanted_part = part;
    load_with_parts(say_reserved);
    unload_plugin();
}

static void ask_reserved_at_exit(const char *part)
{
    wanted_part = part;
    load_with_parts(say_reserved);
}

/* ---- RtlDllShutdownInProgress -------------------------------------------------------------- */

typedef BYTE NTAPI in_progress_fn(void);

static void say_in_progress(void)
{
    in_progress_fn *ask;
    *(void **)&ask = sys_anywhere("RtlDllShutdownInProgress");
    if (ask == NULL)
        not_here();
    say_if(ask(), "yes", "no");
}

static void say_part_in_progress(struct face *face, const char *part, void *reserved)
{
    (void)face;
    (void)reserved;
    if (strcmp(part, wanted_part) == 0)
        say_in_progress();
}

static void ask_in_progress_at_unload(const char *part)
{
    wanted_part = part;
    load_with_parts(say_part_in_progress);
    unload_plugin();
}

static void ask_in_progress_at_exit(const char *part)
{
    wanted_part = part;
    load_with_parts(say_part_in_progress);
}

static void ask_in_progress_in_handler(const char *about)
{
    (void)about;
    atexit(say_in_progress);
}

static void ask_in_progress_in_handlers_unload(const char *part)
{
    wanted_part = part;
    load_with_parts(say_part_in_progress);
    atexit(unload_plugin);
}

/* ---- locks of dead threads ----------------------------------------------------------------- */

static CRITICAL_SECTION section;
static SRWLOCK slim = SRWLOCK_INIT;
static struct sys_event taken;

static void take_and_stay(void *unused)
{
    (void)unused;
    EnterCriticalSection(&section);
    AcquireSRWLockExclusive(&slim);
    sys_set(&taken);
    Sleep(INFINITE);
}

static void leave_locks_orphaned(void (*at_end)(struct face *))
{
    plugin = load("plugin");
    plugin.face->on_finalizer = at_end;
    InitializeCriticalSection(&section);
    start(take_and_stay, NULL);
    if (!sys_wait(&taken, FOREVER))
        cannot("wait for a thread");
}

static void enter_section(struct face *face)
{
    (void)face;
    say("enters");
    EnterCriticalSection(&section);
    say("entered");
}

static void ask_orphaned_section(const char *about)
{
    (void)about;
    leave_locks_orphaned(enter_section);
}

static void acquire_slim(struct face *face)
{
    (void)face;
    say("enters");
    AcquireSRWLockExclusive(&slim);
    say("entered");
}

static void ask_orphaned_slim(const char *about)
{
    (void)about;
    leave_locks_orphaned(acquire_slim);
}

/* ---- threads and detach -------------------------------------------------------------------- */

static HANDLE done;
static struct sys_event at_work, stop;

static void CALLBACK work(PTP_CALLBACK_INSTANCE instance, void *unused)
{
    (void)unused;
    SetEventWhenCallbackReturns(instance, done);
    sys_set(&at_work);
    sys_wait(&stop, FOREVER);
}

static void wait_for_work(struct face *face)
{
    (void)face;
    sys_set(&stop);
    say_if(WaitForSingleObject(done, FOREVER) == WAIT_OBJECT_0, "yes", "no");
    sys_quit();
}

static void ask_pool(const char *about)
{
    (void)about;
    done = CreateEventA(NULL, TRUE, FALSE, NULL);
    plugin = load("plugin");
    plugin.face->on_finalizer = wait_for_work;
    if (!TrySubmitThreadpoolCallback(work, NULL, NULL) || !sys_wait(&at_work, FOREVER))
        cannot("start work");
    unload_plugin();
}

static void free_and_end(void)
{
    FreeLibraryAndExitThread((HMODULE)plugin.handle, 0);
}

static void ask_free_and_end(const char *about)
{
    static void (*call)(void) = free_and_end;
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = count_end;
    sys_join(start(plugin.face->body, &call));
    say_fate(plugin.code);
    sys_quit();
}

static void ask_flush(const char *about)
{
    (void)about;
    FlushProcessWriteBuffers();
    say("yes");
    sys_quit();
}

/* What a DLL asks for its own handle with. */
static void ask_pin_by_address(const char *about)
{
    HMODULE found = NULL;
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = count_end;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       (const char *)plugin.code, &found);
    sys_close(plugin.handle);
    say_fate(plugin.code);
    sys_quit();
}

static void fall_on_reference(struct face *face)
{
    HMODULE found = NULL;
    (void)face;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (const char *)plugin.code, &found);
    say_if(found != NULL, "found", "not found");
}

static void ask_reference_in_detach(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->on_finalizer = fall_on_reference;
    sys_close(plugin.handle);
    say_fate(plugin.code);
    sys_quit();
}

#else
#define ask_parts_at_unload NULL
#define ask_parts_at_exit NULL
#define ask_reserved_at_unload NULL
#define ask_reserved_at_exit NULL
#define ask_in_progress_at_unload NULL
#define ask_in_progress_at_exit NULL
#define ask_in_progress_in_handler NULL
#define ask_in_progress_in_handlers_unload NULL
#define ask_orphaned_section NULL
#define ask_orphaned_slim NULL
#define ask_pool NULL
#define ask_free_and_end NULL
#define ask_flush NULL
#define ask_pin_by_address NULL
#define ask_reference_in_detach NULL
#endif

static const struct question questions[] = {
    {.id = "windows.parts-at-unload", .ask = ask_parts_at_unload,
     .text = "FreeLibrary: the parts of detach in order (handler: atexit's)"},
    {.id = "windows.parts-at-exit", .ask = ask_parts_at_exit,
     .text = "exit: the parts of detach in order"},
    {.id = "windows.DllMain-reserved-at-unload", .ask = ask_reserved_at_unload,
     .about = "DllMain", .text = "FreeLibrary: the reserved argument of DllMain"},
    {.id = "windows.DllMain-reserved-at-exit", .ask = ask_reserved_at_exit, .about = "DllMain",
     .text = "exit: the reserved argument of DllMain"},
    {.id = "windows.TLS-reserved-at-unload", .ask = ask_reserved_at_unload,
     .about = "TLS-callback", .text = "FreeLibrary: the reserved argument of a TLS callback"},
    {.id = "windows.TLS-reserved-at-exit", .ask = ask_reserved_at_exit, .about = "TLS-callback",
     .text = "exit: the reserved argument of a TLS callback"},
    {.id = "windows.shutdown-DllMain-at-unload", .ask = ask_in_progress_at_unload,
     .about = "DllMain", .text = "FreeLibrary: RtlDllShutdownInProgress in DllMain"},
    {.id = "windows.shutdown-DllMain-at-exit", .ask = ask_in_progress_at_exit,
     .about = "DllMain", .text = "exit: RtlDllShutdownInProgress in DllMain"},
    {.id = "windows.shutdown-TLS-at-unload", .ask = ask_in_progress_at_unload,
     .about = "TLS-callback", .text = "FreeLibrary: RtlDllShutdownInProgress in a TLS callback"},
    {.id = "windows.shutdown-TLS-at-exit", .ask = ask_in_progress_at_exit,
     .about = "TLS-callback", .text = "exit: RtlDllShutdownInProgress in a TLS callback"},
    {.id = "windows.shutdown-atexit-at-exit", .ask = ask_in_progress_at_exit,
     .about = "handler", .text = "exit: RtlDllShutdownInProgress in the DLL's atexit handler"},
    {.id = "windows.shutdown-in-program", .ask = ask_in_progress_in_handler,
     .text = "exit: RtlDllShutdownInProgress in the program's atexit handler"},
    {.id = "windows.shutdown-unload-in-program", .ask = ask_in_progress_in_handlers_unload,
     .about = "DllMain", .text = "... in DllMain, when such a handler calls FreeLibrary"},
    {.id = "windows.orphaned-section", .ask = ask_orphaned_section,
     .text = "exit: detach enters a critical section that a killed thread holds"},
    {.id = "windows.orphaned-slim-lock", .ask = ask_orphaned_slim,
     .text = "exit: detach enters a slim lock that a killed thread holds"},
    {.id = "windows.pool-event", .ask = ask_pool,
     .text = "FreeLibrary: does SetEventWhenCallbackReturns wake who waits in detach?"},
    {.id = "windows.free-and-end", .ask = ask_free_and_end,
     .text = "FreeLibraryAndExitThread: what has become of the DLL when its thread has ended?"},
    {.id = "windows.pin-by-address", .ask = ask_pin_by_address,
     .text = "pinned with GetModuleHandleEx by an address, then FreeLibrary"},
    {.id = "windows.reference-in-detach", .ask = ask_reference_in_detach,
     .text = "detach takes a reference to its own DLL: found? and then?"},
    {.id = "windows.flush", .ask = ask_flush, .text = "does FlushProcessWriteBuffers return?"},
    {0},
};

const struct theme theme_windows = {"windows: what only Windows has", questions};
