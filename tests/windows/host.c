/* SPDX-License-Identifier: MIT
 *
 * host.c - a program that loads the plugin and ends in every way.
 *
 *   host                  runs each scenario as a process of its own, and judges it by its exit
 *                         status and all that it has written to standard output and error
 *   host judge SCENARIO   so, but only this one
 *   host SCENARIO         is one of them
 *
 * The scenarios are in outside.c, or, for a program that has libfini itself, in inside.c.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "host.h"

/* Milliseconds. On a busy machine more than 20 seconds have been seen of what takes one. */
enum { HANGS_AFTER = 120000, HANG = -1 };

/* ---- one scenario ---------------------------------------------------------------------------- */

static const struct scenario *find_scenario(const char *name)
{
    const struct scenario *s = scenarios;
    while (s->name && strcmp(s->name, name) != 0)
        s++;
    return s->name ? s : NULL;
}

static int run_one(const char *name)
{
    const struct scenario *s = find_scenario(name);
    if (!s)
        return 99;
    s->run();
    return 0;
}

HMODULE load(const char *name)
{
    HMODULE library = LoadLibraryA(name);
    if (!library)
        say("cannot load");
    return library;
}

plugin_do_fn *find_do(HMODULE library)
{
    return (plugin_do_fn *)(void (*)(void))GetProcAddress(library, "plugin_do");
}

bool is_loaded(const char *name)
{
    return GetModuleHandleA(name) != NULL;
}

/* What ends a reference may be another thread's. */
bool goes(const char *name)
{
    for (unsigned n = 0; n < 1000 && is_loaded(name); n++)
        Sleep(10);
    return !is_loaded(name);
}

HANDLE start(LPTHREAD_START_ROUTINE run, void *arg)
{
    return CreateThread(NULL, 0, run, arg, 0, NULL);
}

void join(HANDLE thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct outcome {
    int status;
    char text[4096];
};

static HANDLE start_child(const char *name, HANDLE output)
{
    char program[MAX_PATH], line[2 * MAX_PATH];
    PROCESS_INFORMATION made;
    STARTUPINFOA how;
    memset(&how, 0, sizeof how);
    how.cb = sizeof how;
    how.dwFlags = STARTF_USESTDHANDLES;
    how.hStdOutput = how.hStdError = output;
    GetModuleFileNameA(NULL, program, sizeof program);
    strcpy(line, "host ");
    strcat(line, name);
    if (!CreateProcessA(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &how, &made))
        return NULL;
    CloseHandle(made.hThread);
    return made.hProcess;
}

/* Patience with what is to hang begins when it has written all that it is to write. */
static void wait_for_output(HANDLE from, size_t size)
{
    DWORD there = 0;
    for (unsigned n = 0; n < HANGS_AFTER && there < size; n += 10) {
        Sleep(10);
        PeekNamedPipe(from, NULL, 0, NULL, &there, NULL);
    }
}

/* The pipe is larger than what a scenario writes. */
static void run_child(const struct scenario *s, struct outcome *ret)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE from, to, child;
    DWORD status = 98, length = 0;
    CreatePipe(&from, &to, &inherited, 65536);
    SetHandleInformation(from, HANDLE_FLAG_INHERIT, 0);
    child = start_child(s->name, to);
    CloseHandle(to);
    DWORD patience = s->patience ? s->patience : HANGS_AFTER;
    if (s->hangs)
        wait_for_output(from, strlen(s->expect));
    bool hangs = WaitForSingleObject(child, patience) != WAIT_OBJECT_0;
    if (hangs)
        TerminateProcess(child, 97);
    WaitForSingleObject(child, INFINITE);
    GetExitCodeProcess(child, &status);
    ret->status = hangs ? HANG : (int)status;
    for (DWORD got = 1; got > 0 && length < sizeof ret->text - 1; length += got)
        if (!ReadFile(from, ret->text + length, sizeof ret->text - 1 - length, &got, NULL))
            got = 0;
    ret->text[length] = '\0';
    CloseHandle(from);
    CloseHandle(child);
}

/* `*` stands for any text within a line. */
static bool matches(const char *text, const char *expected)
{
    if (*expected == '*')
        return matches(text, expected + 1) ||
               (*text != '\0' && *text != '\n' && matches(text + 1, expected));
    return *text == *expected && (*text == '\0' || matches(text + 1, expected + 1));
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static bool judge(const struct scenario *s)
{
    static struct outcome got;
    run_child(s, &got);
    bool right = got.status == (s->hangs ? HANG : s->status) &&
                 (s->lines ? count_lines(got.text) == s->lines : matches(got.text, s->expect));
    say3(right ? "ok " : "NOT OK ", s->name, "");
    if (!right) {
        say_number("  status", got.status);
        say3("--- got\n", got.text, "--- expected");
        say3(s->expect ? s->expect : "", "---", "");
    }
    return right;
}

int main(int argc, char **argv)
{
    bool right = true;
    const struct scenario *one = argc == 3 ? find_scenario(argv[2]) : NULL;
    if (argc == 3)
        return one && judge(one) ? 0 : 1;
    if (argc == 2)
        return run_one(argv[1]);
    for (const struct scenario *s = scenarios; s->name; s++)
        right &= judge(s);
    say(right ? "all right" : "not all right");
    return right ? 0 : 1;
}
