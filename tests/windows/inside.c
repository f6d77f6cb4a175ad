/* SPDX-License-Identifier: MIT
 *
 * inside.c - scenarios of a program that has libfini itself, and loads a DLL that has it as well.
 */
#include <stdlib.h>

#include "fini.h"
#include "host.h"

static bool speaks;

static void say_why(const char *who)
{
    if (speaks)
        say3(who, ": ", fini_reason_name(fini_why()));
}

static void run_hook(void *name, fini_reason why)
{
    if (speaks)
        say3((const char *)name, ": ", fini_reason_name(why));
}

static char name_unload[] = "program, unload", name_both[] = "program, always",
            name_early[] = "program, early", name_late[] = "program, added";

FINI_UNLOAD_HOOK(run_hook, name_unload);
FINI_HOOK(run_hook, name_both, FINI_ALWAYS);

static struct fini_hook early = FINI_HOOK_INIT(run_hook, name_early, FINI_ON_EXIT_BEGIN);
static struct fini_hook added = FINI_HOOK_INIT(run_hook, name_late, FINI_ON_EXIT);

__attribute__((destructor)) static void destruct(void)
{
    say_why("program's destructor");
}

static void own_handler(void)
{
    say3("program's handler, ", fini_exiting() ? "exiting" : "not exiting", "");
}

static DWORD WINAPI count(void *counter)
{
    for (;;)
        InterlockedIncrement((LONG *)counter);
    return 0;
}

static LONG counter;

static void say_alive(void *arg, fini_reason why)
{
    LONG before = counter;
    (void)arg, (void)why;
    for (unsigned n = 0; n < 1000 && counter == before; n++)
        Sleep(1);
    say(counter != before ? "others are alive" : "others are dead");
}

static struct fini_hook alive = FINI_HOOK_INIT(say_alive, NULL, FINI_ON_EXIT);

static void speak(void)
{
    speaks = true;
    atexit(own_handler);
    fini_add(&added);
    fini_add(&early);
    fini_add(&alive);
    start(count, &counter);
}

static void return_from_main(void)
{
    speak();
    say_number("traits", (int)fini_traits());
    say_number("pin", fini_pin());
    say_number("exiting", fini_exiting());
    say_number("generation", (int)fini_generation());
}

static void exit_process(void)
{
    speak();
    ExitProcess(4);
}

static DWORD WINAPI exit_there(void *unused)
{
    (void)unused;
    exit(5);
}

static void exit_in_thread(void)
{
    speak();
    start(exit_there, NULL);
    Sleep(INFINITE);
}

static void call_exit(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    say("calls exit");
    exit(3);
}

static struct fini_hook that_exits = FINI_HOOK_INIT(call_exit, NULL, FINI_ON_EXIT);

static void exit_in_hook(void)
{
    speak();
    fini_add(&that_exits);
}

/* ---- with the plugin ------------------------------------------------------------------------- */

static HMODULE plugin;

static void load_plugin(void)
{
    plugin = load("plugin.dll");
    find_do(plugin)(ADD_ALL_KINDS);
}

static void free_plugin(void)
{
    FreeLibrary(plugin);
    say(is_loaded("plugin.dll") ? "stays" : "gone");
}

static void free_in_main(void)
{
    load_plugin();
    free_plugin();
}

/* A handler older than the mark. */
static void free_in_handler(void)
{
    atexit(free_plugin);
    fini_add(&added);
    load_plugin();
}

static void ask_plugin(void)
{
    say_number("plugin: exiting", find_do(plugin)(EXITING));
}

static void both_at_exit(void)
{
    atexit(ask_plugin);
    speak();
    load_plugin();
    say_number("plugin: exiting", find_do(plugin)(EXITING));
}

/* A hold in a program refers to nothing. */
static void held(void)
{
    struct fini_hold hold = FINI_HOLD_INIT;
    say_number("hold", fini_hold(&hold));
    say_number("release", fini_release(&hold));
    say_number("hold for thread", fini_hold_for_thread());
}

#define PLUGIN_EXITED "destructor: exit\nown handler: exit\nalways: exit\nexit: exit\n" \
    "exit handler: exit\n"

const struct scenario scenarios[] = {
    {.name = "program_returns", .run = return_from_main,
     .expect = "traits 3\npin 0\nexiting 0\ngeneration 1\nprogram, early: exit\n"
               "program's handler, exiting\n"
               "program's destructor: exit\nothers are alive\nprogram, added: exit\n"
               "program, always: exit\n"},
    {.name = "program_exits_in_thread", .run = exit_in_thread, .status = 5,
     .expect = "program, early: exit\nprogram's handler, exiting\n"
               "program's destructor: exit\nothers are alive\nprogram, added: exit\n"
               "program, always: exit\n"},
    {.name = "program_exit_process", .run = exit_process, .status = 4,
     .expect = ""},
    {.name = "program_exits_in_hook", .run = exit_in_hook, .status = 3,
     .expect = "program, early: exit\nprogram's handler, exiting\nprogram's destructor: exit\n"
               "calls exit\nothers are alive\nprogram, added: exit\nprogram, always: exit\n"},
    {.name = "program_frees", .run = free_in_main,
     .expect = "always: unload\nolder, unload: unload\nunload handler: unload\n"
               "destructor: unload\nown handler: unload\ngone\n"},
    {.name = "program_frees_in_handler", .run = free_in_handler,
     .expect = "always: unload at exit\nexit: unload at exit\nolder, unload: unload at exit\n"
               "exit handler: unload at exit\nunload handler: unload at exit\n"
               "destructor: unload at exit\nown handler: unload at exit\ngone\n"},
    {.name = "program_and_plugin", .run = both_at_exit,
     .expect = "plugin: exiting 0\nprogram, early: exit\nprogram's handler, exiting\n"
               "plugin: exiting 1\nprogram's destructor: exit\nothers are alive\n"
               "program, added: exit\nprogram, always: exit\n" PLUGIN_EXITED},
    {.name = "program_holds", .run = held, .expect = "hold 0\nrelease 0\nhold for thread 0\n"},
    {0},
};
