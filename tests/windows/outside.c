/* SPDX-License-Identifier: MIT
 *
 * outside.c - scenarios of a program that knows nothing of libfini.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

static HMODULE plugin;
static plugin_do_fn *plugin_do;

static void load_plugin(void)
{
    plugin = load("plugin.dll");
    plugin_do = find_do(plugin);
}

static void load_speaking(void)
{
    load_plugin();
    plugin_do(ADD_ALL_KINDS);
    plugin_do(ADD_ONE);
}

static void free_plugin(void)
{
    FreeLibrary(plugin);
    say(is_loaded("plugin.dll") ? "stays" : "gone");
}

/* ---- every way out --------------------------------------------------------------------------- */

/* What is not libfini's, in the order of mingw's C run-time. */
#ifdef PLUGIN_IS_CXX
#define OWN(reason) "destructor: " reason "\nown handler: " reason "\nstatic object: " reason "\n"
#else
#define OWN(reason) "destructor: " reason "\nown handler: " reason "\n"
#endif

#define HOOKS_UNLOAD "always: unload\nolder, unload: unload\nunload handler: unload\n"
#define HOOKS_EXIT "always: exit\nexit: exit\nexit handler: exit\n"
#define UNLOADED "added: unload\n" HOOKS_UNLOAD OWN("unload") "gone\n"
#define EXITED OWN("exit") "added: exit\n" HOOKS_EXIT

/* Where the stack can be walked. */
#ifdef _WIN64
#define UNLOADED_IN_HANDLER "added: unload at exit\nalways: unload at exit\n" \
    "exit: unload at exit\nolder, unload: unload at exit\nexit handler: unload at exit\n" \
    "unload handler: unload at exit\n" OWN("unload at exit") "gone\n"
#else
#define UNLOADED_IN_HANDLER UNLOADED
#endif

/* The C run-time detaches, and not the loader: hooks come after destructors. */
#ifdef PLUGIN_IS_CXX
#define STATICS_UNLOAD "static object: unload\n"
#else
#define STATICS_UNLOAD
#endif
#define DETACHED_BY_RUNTIME "DllMain: running\ndestructor: running\n"
#define REFUSED HOOKS_UNLOAD "own handler: unload\n" STATICS_UNLOAD "refused\n"

static void free_in_main(void)
{
    load_speaking();
    free_plugin();
}

static DWORD WINAPI free_there(void *unused)
{
    (void)unused;
    free_plugin();
    return 0;
}

static void free_in_thread(void)
{
    load_speaking();
    join(start(free_there, NULL));
}

static void free_in_handler(void)
{
    atexit(free_plugin);
    load_speaking();
}

static void free_in_detach(void)
{
    load_speaking();
    HMODULE other = load("other.dll");
    *(HMODULE *)(void *)GetProcAddress(other, "to_free") = plugin;
    FreeLibrary(other);
    say(is_loaded("plugin.dll") ? "stays" : "gone");
}

static void free_in_detach_at_exit(void)
{
    load_speaking();
    HMODULE other = load("other.dll");
    *(HMODULE *)(void *)GetProcAddress(other, "to_free") = plugin;
}

static void return_from_main(void)
{
    load_speaking();
}

static DWORD WINAPI exit_there(void *unused)
{
    (void)unused;
    exit(5);
}

static void exit_in_thread(void)
{
    load_speaking();
    start(exit_there, NULL);
    Sleep(INFINITE);
}

static void exit_process(void)
{
    load_speaking();
    ExitProcess(6);
}

static DWORD WINAPI end_last(void *main_thread)
{
    WaitForSingleObject(main_thread, INFINITE);
    say("last thread");
    return 7;
}

static void end_last_thread(void)
{
    HANDLE self = OpenThread(SYNCHRONIZE, FALSE, GetCurrentThreadId());
    load_speaking();
    start(end_last, self);
    ExitThread(0);
}

static void terminate(void)
{
    load_speaking();
    TerminateProcess(GetCurrentProcess(), 8);
}

static void exit_in_hook(void)
{
    load_plugin();
    plugin_do(ADD_THAT_EXITS);
    FreeLibrary(plugin);
}

static void loaded_twice(void)
{
    load_plugin();
    load_speaking();
    FreeLibrary(plugin);
    say(is_loaded("plugin.dll") ? "stays" : "gone");
    free_plugin();
}

/* ---- locks of killed threads ----------------------------------------------------------------- */

static DWORD WINAPI do_there(void *task)
{
    plugin_do((int)(INT_PTR)task);
    return 0;
}

static HANDLE start_task(int task)
{
    return start(do_there, (void *)(INT_PTR)task);
}

/* The thread adds and removes without end. It is stopped again and again, until another one that
 * wants to add waits for it in vain. */
static void kill_holder_of_lock(void)
{
    load_plugin();
    plugin_do(ADD_ONE);
    HANDLE holder = start_task(ADD_AND_REMOVE), other;
    DWORD waited = WAIT_OBJECT_0;
    for (unsigned n = 0; n < 1000 && waited != WAIT_TIMEOUT; n++) {
        Sleep(1);
        SuspendThread(holder);
        other = start_task(ADD_ONE);
        waited = WaitForSingleObject(other, 300);
        if (waited != WAIT_TIMEOUT)
            ResumeThread(holder);
    }
    say(waited == WAIT_TIMEOUT ? "held" : "never held");
    plugin_do(ADD_ALL_KINDS);
}

static DWORD WINAPI hold_stdout(void *held)
{
    _lock_file(stdout);
    SetEvent((HANDLE)held);
    Sleep(INFINITE);
    return 0;
}

static void kill_holder_of_stdout(void)
{
    HANDLE held = CreateEventA(NULL, TRUE, FALSE, NULL);
    SetEnvironmentVariableA("FINI_TRACE", "1");
    load_plugin();
    start(hold_stdout, held);
    WaitForSingleObject(held, INFINITE);
    ExitProcess(0);
}

static DWORD WINAPI hold_lock_of_naive(void *held)
{
    typedef int hold_fn(HANDLE held);
    HMODULE naive = GetModuleHandleA("naive.dll");
    hold_fn *hold = (hold_fn *)(void (*)(void))GetProcAddress(naive, "hold_lock");
    return (DWORD)hold((HANDLE)held);
}

static void naive_hangs(void)
{
    HANDLE held = CreateEventA(NULL, TRUE, FALSE, NULL);
    load("naive.dll");
    start(hold_lock_of_naive, held);
    WaitForSingleObject(held, INFINITE);
    say("held");
}

static DWORD WINAPI stay_in_gate(void *inside)
{
    plugin_do(ENTER_GATE);
    SetEvent((HANDLE)inside);
    Sleep(INFINITE);
    return 0;
}

static void kill_in_gate(void)
{
    HANDLE inside = CreateEventA(NULL, TRUE, FALSE, NULL);
    load_plugin();
    plugin_do(ADD_CLOSER);
    plugin_do(START_WORKER);
    say_number("empty", plugin_do(CLOSE_GATE));
    FreeLibrary(plugin);
    load_plugin();
    plugin_do(ADD_CLOSER);
    plugin_do(START_WORKER);
    start(stay_in_gate, inside);
    WaitForSingleObject(inside, INFINITE);
    say_number("not empty", plugin_do(CLOSE_GATE));
}

/* ---- thread values --------------------------------------------------------------------------- */

struct turn {
    HANDLE has_value, may_end;
};

static DWORD WINAPI have_value(void *arg)
{
    struct turn *turn = arg;
    plugin_do(SET_VALUE);
    SetEvent(turn->has_value);
    WaitForSingleObject(turn->may_end, INFINITE);
    return 0;
}

static struct turn make_turn(void)
{
    struct turn turn = {CreateEventA(NULL, FALSE, FALSE, NULL),
                        CreateEventA(NULL, TRUE, FALSE, NULL)};
    return turn;
}

static HANDLE start_with_value(struct turn *turn)
{
    HANDLE thread = start(have_value, turn);
    WaitForSingleObject(turn->has_value, INFINITE);
    return thread;
}

static void value_of_ended(void)
{
    static struct turn turn;
    turn = make_turn();
    load_plugin();
    HANDLE thread = start_with_value(&turn);
    SetEvent(turn.may_end);
    join(thread);
    say("ended");
    free_plugin();
}

static void values_at_unload(void)
{
    static struct turn turn;
    turn = make_turn();
    load_plugin();
    HANDLE first = start_with_value(&turn), second = start_with_value(&turn);
    say_number("set", plugin_do(SET_VALUE));
    free_plugin();
    SetEvent(turn.may_end);
    join(first);
    join(second);
    say("ended");
}

static void values_at_exit(void)
{
    static struct turn turn;
    turn = make_turn();
    load_plugin();
    start_with_value(&turn);
    say_number("set", plugin_do(SET_VALUE));
}

static void values_destroyed(void)
{
    static struct turn turn;
    turn = make_turn();
    load_plugin();
    HANDLE thread = start_with_value(&turn);
    say_number("set", plugin_do(SET_VALUE));
    say_number("clear", plugin_do(CLEAR_VALUES));
    SetEvent(turn.may_end);
    join(thread);
    free_plugin();
}

/* Threads end with values while the plugin is unloaded, many times. */
static void values_race(void)
{
    HANDLE threads[8];
    for (unsigned round = 0; round < 20; round++) {
        static struct turn turn;
        turn = make_turn();
        load_plugin();
        for (unsigned n = 0; n < 8; n++)
            threads[n] = start_with_value(&turn);
        SetEvent(turn.may_end);
        FreeLibrary(plugin);
        for (unsigned n = 0; n < 8; n++)
            join(threads[n]);
    }
    say("survived");
}

/* ---- workers --------------------------------------------------------------------------------- */

static void worker_at_unload(void)
{
    load_plugin();
    say_number("start", plugin_do(START_WORKER));
    Sleep(20);
    free_plugin();
}

static void worker_stopped(void)
{
    load_plugin();
    for (unsigned n = 0; n < 3; n++) {
        say_number("start", plugin_do(START_WORKER));
        say_number("again", plugin_do(START_WORKER));
        say_number("stop", plugin_do(STOP_WORKER));
    }
    free_plugin();
}

static void worker_at_exit(void)
{
    load_plugin();
    say_number("start", plugin_do(START_WORKER));
    Sleep(20);
}

/* The thread needs the loader's lock to begin, which the load holds until it fails. */
static void worker_of_refused(void)
{
    SetEnvironmentVariableA("WORKER_AT_LOAD", "1");
    SetEnvironmentVariableA("REFUSE", "1");
    say(LoadLibraryA("beside.dll") ? "loaded" : "refused");
}

static void worker_of_constructor(void)
{
    SetEnvironmentVariableA("WORKER_AT_LOAD", "1");
    load_plugin();
    Sleep(20);
    free_plugin();
}

static void worker_that_holds(void)
{
    HANDLE worker_may_end = CreateEventA(NULL, TRUE, FALSE, WORKER_MAY_END);
    load_plugin();
    say_number("start", plugin_do(START_WORKER_THAT_HOLDS));
    free_plugin();
    SetEvent(worker_may_end);
    say(goes("plugin.dll") ? "goes" : "never goes");
}

/* ---- staying --------------------------------------------------------------------------------- */

static void pinned(void)
{
    load_plugin();
    say_number("pin", plugin_do(PIN));
    say_number("traits", plugin_do(TRAITS));
    free_plugin();
}

static DWORD WINAPI release_there(void *unused)
{
    (void)unused;
    say_number("release", plugin_do(RELEASE));
    say_number("again", plugin_do(RELEASE));
    say(is_loaded("plugin.dll") ? "there" : "gone too early");
    return 0;
}

static void held(void)
{
    load_plugin();
    say_number("hold", plugin_do(HOLD));
    say_number("again", plugin_do(HOLD));
    free_plugin();
    join(start(release_there, NULL));
    say(goes("plugin.dll") ? "goes" : "never goes");
}

static void released_in_main(void)
{
    load_plugin();
    plugin_do(ADD_ALL_KINDS);
    say_number("hold", plugin_do(HOLD));
    say_number("release", plugin_do(RELEASE));
    say_number("hold", plugin_do(HOLD));
    say_number("release", plugin_do(RELEASE));
    free_plugin();
}

static HANDLE holds_now, may_end;

static DWORD WINAPI hold_there(void *unused)
{
    (void)unused;
    say_number("hold", plugin_do(HOLD_FOR_THREAD));
    say_number("again", plugin_do(HOLD_FOR_THREAD));
    SetEvent(holds_now);
    WaitForSingleObject(may_end, INFINITE);
    say_number("inside", plugin_do(FORKED));
    return 0;
}

static void held_for_thread(void)
{
    holds_now = CreateEventA(NULL, TRUE, FALSE, NULL);
    may_end = CreateEventA(NULL, TRUE, FALSE, NULL);
    load_plugin();
    HANDLE thread = start(hold_there, NULL);
    WaitForSingleObject(holds_now, INFINITE);
    free_plugin();
    SetEvent(may_end);
    join(thread);
    say(goes("plugin.dll") ? "goes" : "never goes");
}

/* ---- keepsakes ------------------------------------------------------------------------------- */

static void kept(void)
{
    load_plugin();
    say_number("generation", plugin_do(GENERATION));
    say_number("keep", plugin_do(KEEP));
    free_plugin();
    load_plugin();
    say_number("generation", plugin_do(GENERATION));
    say_number("recall", plugin_do(RECALL));
    plugin_do_fn *copy = find_do(load("copy.dll"));
    say_number("generation", copy(GENERATION));
    say_number("recall", copy(RECALL));
}

static DWORD WINAPI use_all(void *unused)
{
    (void)unused;
    plugin_do(SET_VALUE);
    plugin_do(HOLD);
    plugin_do(RELEASE);
    plugin_do(HOLD_FOR_THREAD);
    return 0;
}

static bool reload_with_all(void)
{
    load_plugin();
    plugin_do(ADD_ONE);
    plugin_do(SET_VALUE);
    plugin_do(START_WORKER);
    join(start(use_all, NULL));
    FreeLibrary(plugin);
    return goes("plugin.dll");
}

/* Threads of pools end when they like. */
static void reloads_leave_nothing(void)
{
    enum { FIRST = 10, ALL = 40, SPARE = 16 };
    DWORD before = 0, after = ~0u;
    bool gone = true;
    for (unsigned n = 0; n < ALL; n++) {
        if (n == FIRST)
            GetProcessHandleCount(GetCurrentProcess(), &before);
        gone &= reload_with_all();
    }
    for (unsigned n = 0; n < 500 && after > before + SPARE; n++) {
        Sleep(10);
        GetProcessHandleCount(GetCurrentProcess(), &after);
    }
    say(gone ? "goes" : "stays");
    say(after <= before + SPARE ? "no handles left" : "handles left");
}

static HANDLE in_hook;

static void free_slowly(void)
{
    plugin_do(ADD_SLOW);
    SetEvent(in_hook);
    FreeLibrary(plugin);
}

static DWORD WINAPI free_slowly_there(void *unused)
{
    (void)unused;
    free_slowly();
    Sleep(INFINITE);
    return 0;
}

/* ExitProcess waits for the loader's lock before it kills. */
static void exit_meets_unload(void)
{
    in_hook = CreateEventA(NULL, TRUE, FALSE, NULL);
    load_speaking();
    start(free_slowly_there, NULL);
    WaitForSingleObject(in_hook, INFINITE);
    Sleep(50);
}

static void not_kept_for_others(void)
{
    HANDLE child;
    char program[MAX_PATH], line[] = "host recall_in_child";
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION made;
    load_plugin();
    say_number("keep", plugin_do(KEEP));
    GetModuleFileNameA(NULL, program, sizeof program);
    if (!CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &how, &made))
        say("no child");
    child = made.hProcess;
    join(child);
}

static void recall_in_child(void)
{
    load_plugin();
    say_number("generation", plugin_do(GENERATION));
    say_number("recall", plugin_do(RECALL));
}

/* ---- the environment, and the rest ----------------------------------------------------------- */

static void traced(void)
{
    SetEnvironmentVariableA("FINI_TRACE", "1");
    load_plugin();
    plugin_do(ADD_ONE);
    free_plugin();
}

static void clean_exit(void)
{
    SetEnvironmentVariableA("FINI_CLEAN_EXIT", "1");
    load_speaking();
}

static void refused(void)
{
    SetEnvironmentVariableA("REFUSE", "1");
    say(LoadLibraryA("beside.dll") ? "loaded" : "refused");
}

static void beside_dllmain_unload(void)
{
    HMODULE beside = load("beside.dll");
    find_do(beside)(ADD_ALL_KINDS);
    FreeLibrary(beside);
}

static void beside_dllmain_exit(void)
{
    find_do(load("beside.dll"))(ADD_ALL_KINDS);
}

static void answers(void)
{
    load_plugin();
    say_number("traits", plugin_do(TRAITS));
    say_number("exiting", plugin_do(EXITING));
    say_number("forked", plugin_do(FORKED));
    say_number("why", plugin_do(WHY));
    SetLastError(4711);
    plugin_do(ADD_ONE);
    plugin_do(SET_VALUE);
    plugin_do(HOLD);
    plugin_do(CLOSE_GATE);
    say_number("last error", (int)GetLastError());
}

const struct scenario scenarios[] = {
    {.name = "free_in_main", .run = free_in_main, .expect = UNLOADED},
    {.name = "free_in_thread", .run = free_in_thread, .expect = UNLOADED},
    {.name = "free_in_handler", .run = free_in_handler, .expect = UNLOADED_IN_HANDLER},
    {.name = "free_in_detach", .run = free_in_detach, .expect = UNLOADED},
    {.name = "free_in_detach_at_exit", .run = free_in_detach_at_exit, .expect = EXITED},
    {.name = "return_from_main", .run = return_from_main, .expect = EXITED},
    {.name = "exit_in_thread", .run = exit_in_thread, .expect = EXITED, .status = 5},
    {.name = "exit_process", .run = exit_process, .expect = EXITED, .status = 6},
    {.name = "end_last_thread", .run = end_last_thread, .expect = "last thread\n" EXITED,
     .status = 7},
    {.name = "terminate", .run = terminate, .expect = "", .status = 8},
    {.name = "loaded_twice", .run = loaded_twice, .expect = "stays\n" UNLOADED},
    {.name = "exit_in_hook", .run = exit_in_hook, .status = 3,
     .expect = "calls exit\nleft: exit\n" HOOKS_EXIT},
    {.name = "kill_holder_of_lock", .run = kill_holder_of_lock, .expect = "held\n" EXITED},
    {.name = "kill_holder_of_stdout", .run = kill_holder_of_stdout,
     .expect = "fini: *plugin.dll: exit, thread *, hooks run 2\n"},
    {.name = "naive_hangs", .run = naive_hangs, .expect = "held\nnaive\n", .hangs = true,
     .patience = 1000},
    {.name = "kill_in_gate", .run = kill_in_gate,
     .expect = "empty 0\nworker stops\nnot empty -4\nclose -4\nstop 0\n"},
    {.name = "value_of_ended", .run = value_of_ended,
     .expect = "value: thread exit\nended\ngone\n"},
    {.name = "values_at_unload", .run = values_at_unload,
     .expect = "set 0\nvalue: unload\nvalue: unload\nvalue: unload\ngone\nended\n"},
    {.name = "values_at_exit", .run = values_at_exit, .expect = "set 0\n"},
    {.name = "values_destroyed", .run = values_destroyed,
     .expect = "set 0\nvalue: unload\nvalue: unload\nclear 0\ngone\n"},
    {.name = "worker_at_unload", .run = worker_at_unload,
     .expect = "start 0\nworker stops\ngone\n"},
    {.name = "worker_stopped", .run = worker_stopped,
     .expect = "start 0\nagain -2\nworker stops\nstop 0\nstart 0\nagain -2\nworker stops\nstop 0\n"
               "start 0\nagain -2\nworker stops\nstop 0\ngone\n"},
    {.name = "worker_at_exit", .run = worker_at_exit, .expect = "start 0\n"},
    {.name = "worker_of_refused", .run = worker_of_refused,
     .expect = "start 0\n" DETACHED_BY_RUNTIME "worker stops\n" REFUSED},
    {.name = "worker_of_constructor", .run = worker_of_constructor,
     .expect = "start 0\nworker stops\ngone\n"},
    {.name = "worker_that_holds", .run = worker_that_holds,
     .expect = "hold for thread 0\nstart 0\nstays\nworker ends\ngoes\n"},
    {.name = "pinned", .run = pinned, .expect = "pin 0\ntraits 4\nstays\n"},
    {.name = "held", .run = held,
     .expect = "hold 0\nagain -2\nstays\nrelease 0\nagain -10\nthere\ngoes\n"},
    {.name = "released_in_main", .run = released_in_main,
     .expect = "hold 0\nrelease 0\nhold 0\nrelease 0\nstays\n" OWN("exit") HOOKS_EXIT},
    {.name = "held_for_thread", .run = held_for_thread,
     .expect = "hold 0\nagain 0\nstays\ninside 0\ngoes\n"},
    {.name = "kept", .run = kept,
     .expect = "generation 1\nkeep 0\ngone\ngeneration 2\nrecall 5\ngeneration 3\nrecall 5\n"},
    {.name = "reloads_leave_nothing", .run = reloads_leave_nothing, .lines = 3 * 40 + 2},
    {.name = "exit_meets_unload", .run = exit_meets_unload,
     .expect = "slow\nadded: unload\n" HOOKS_UNLOAD OWN("unload")},
    {.name = "not_kept_for_others", .run = not_kept_for_others,
     .expect = "keep 0\ngeneration 1\nrecall -10\n"},
    {.name = "recall_in_child", .run = recall_in_child, .expect = "generation 1\nrecall -10\n"},
    {.name = "traced", .run = traced,
     .expect = "fini: *plugin.dll: unload, thread *, hooks run 3\ngone\n"},
    {.name = "clean_exit", .run = clean_exit,
     .expect = OWN("exit") "added: exit\nalways: exit\nexit: exit\n"
               "older, unload: exit\nexit handler: exit\nunload handler: exit\n"},
    {.name = "refused", .run = refused, .expect = DETACHED_BY_RUNTIME REFUSED},
    {.name = "beside_dllmain_unload", .run = beside_dllmain_unload,
     .expect = HOOKS_UNLOAD "DllMain: unload\n" OWN("unload")},
    {.name = "beside_dllmain_exit", .run = beside_dllmain_exit,
     .expect = "DllMain: exit\n" OWN("exit") HOOKS_EXIT},
    {.name = "answers", .run = answers,
     .expect = "traits 0\nexiting 0\nforked 0\nwhy 0\nlast error 4711\n"},
    {.name = "values_race", .run = values_race, .lines = 161},
    {0},
};
