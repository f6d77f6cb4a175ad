/* SPDX-License-Identifier: MIT
 *
 * system_windows.c - system.h on Windows: a key is a fiber-local index, closing is FreeLibrary.
 */
#ifdef _WIN32
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "system.h"

static DWORD first_thread;

/* ---- libraries ----------------------------------------------------------------------------- */

void sys_path(char path[PATH_SIZE], const char *name)
{
    char self[PATH_SIZE];
    char *end;
    GetModuleFileNameA(NULL, self, PATH_SIZE);
    self[PATH_SIZE - 1] = '\0';
    end = strrchr(self, '\\');
    if (end != NULL)
        *end = '\0';
    if (snprintf(path, PATH_SIZE, "%s\\fc-%s.dll", self, name) >= PATH_SIZE)
        cannot("make a path");
}

static void *open_present(const char *path, DWORD flags)
{
    HMODULE found = NULL;
    GetModuleHandleExA(flags, path, &found);
    return (void *)found;
}

void *sys_open(const char *name, enum sys_how how)
{
    char path[PATH_SIZE];
    sys_path(path, name);
    switch (how) {
    case SYS_PLAIN:
        return (void *)LoadLibraryA(path);
    case SYS_PRESENT:
        return open_present(path, 0);
    case SYS_PIN:
        return open_present(path, GET_MODULE_HANDLE_EX_FLAG_PIN);
    default:
        not_here();
    }
}

void sys_close(void *library)
{
    if (!FreeLibrary((HMODULE)library))
        cannot("close a library");
}

void *sys_symbol(void *library, const char *name)
{
    FARPROC found = GetProcAddress((HMODULE)library, name);
    void *address;
    memcpy(&address, &found, sizeof address);
    return address;
}

void *sys_anywhere(const char *name)
{
    static const char *const libraries[] = {"ntdll.dll", "kernel32.dll", "kernelbase.dll"};
    void *found = NULL;
    for (size_t i = 0; found == NULL && i < sizeof libraries / sizeof *libraries; i++) {
        HMODULE library = GetModuleHandleA(libraries[i]);
        if (library != NULL)
            found = sys_symbol((void *)library, name);
    }
    return found;
}

void sys_find(const void *address)
{
    HMODULE found = NULL;
    DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                  GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    GetModuleHandleExA(flags, (const char *)address, &found);
}

void sys_iterate(void)
{
    not_here();
}

bool sys_mapped(const void *address)
{
    MEMORY_BASIC_INFORMATION about;
    return VirtualQuery(address, &about, sizeof about) != 0 && about.State != MEM_FREE;
}

void sys_environment(const char *name, const char *text)
{
    if (!SetEnvironmentVariableA(name, text))
        cannot("set the environment");
}

/* ---- threads and processes ----------------------------------------------------------------- */

struct sys_thread {
    HANDLE thread;
    void (*body)(void *);
    void *arg;
};

static DWORD WINAPI run_thread(void *data)
{
    struct sys_thread *thread = data;
    thread->body(thread->arg);
    return 0;
}

struct sys_thread *sys_start(void (*body)(void *), void *arg)
{
    struct sys_thread *thread = malloc(sizeof *thread);
    if (thread == NULL)
        cannot("allocate");
    thread->body = body;
    thread->arg = arg;
    thread->thread = CreateThread(NULL, 0, run_thread, thread, 0, NULL);
    return thread->thread != NULL ? thread : NULL;
}

void sys_join(struct sys_thread *thread)
{
    WaitForSingleObject(thread->thread, INFINITE);
    CloseHandle(thread->thread);
    free(thread);
}

bool sys_is_first_thread(void)
{
    return GetCurrentThreadId() == first_thread;
}

void sys_thread_end(void)
{
    ExitThread(0);
}

void sys_sleep(int milliseconds)
{
    Sleep((DWORD)milliseconds);
}

unsigned long sys_key_create(sys_key_fn *destroy)
{
    DWORD key = FlsAlloc(destroy);
    if (key == FLS_OUT_OF_INDEXES)
        cannot("create a key");
    return key;
}

void sys_key_set(unsigned long key)
{
    FlsSetValue(key, &first_thread);
}

void sys_key_delete(unsigned long key)
{
    FlsFree(key);
}

void sys_fork(void (*in_child)(void))
{
    (void)in_child;
    not_here();
}

void sys_quit(void)
{
    TerminateProcess(GetCurrentProcess(), 0);
    for (;;)
        Sleep(1);
}

void sys_kill_self(void)
{
    TerminateProcess(GetCurrentProcess(), 1);
    for (;;)
        Sleep(1);
}

void sys_quick_exit(void)
{
    not_here();
}

/* ---- names --------------------------------------------------------------------------------- */

#ifdef _WIN64
#define MACHINE "x86_64"
#else
#define MACHINE "i686"
#endif

#ifdef _UCRT
#define RUNTIME "ucrt"
#else
#define RUNTIME "msvcrt"
#endif

typedef LONG WINAPI version_fn(OSVERSIONINFOW *);
typedef const char *__cdecl wine_fn(void);

void sys_kernel(char *text, size_t size)
{
    OSVERSIONINFOW about = {0};
    version_fn *ask;
    *(void **)&ask = sys_anywhere("RtlGetVersion");
    about.dwOSVersionInfoSize = sizeof about;
    if (ask != NULL)
        ask(&about);
    snprintf(text, size, "Windows %lu.%lu.%lu", (unsigned long)about.dwMajorVersion,
             (unsigned long)about.dwMinorVersion, (unsigned long)about.dwBuildNumber);
}

/* Wine's own build name has its version first: "8.0 (Debian 8.0~repack-4)". */
void sys_name(char *text, size_t size)
{
    char kernel[64];
    wine_fn *of_wine;
    const char *version;
    *(void **)&of_wine = sys_anywhere("wine_get_version");
    version = of_wine != NULL ? of_wine() : NULL;
    sys_kernel(kernel, sizeof kernel);
    if (version != NULL)
        snprintf(text, size, "wine-%.*s-%s-%s", (int)strcspn(version, " "), version, RUNTIME,
                 MACHINE);
    else
        snprintf(text, size, "windows-%s-%s-%s", kernel + 8, RUNTIME, MACHINE);
}

/* ---- of the judge -------------------------------------------------------------------------- */

static LONG WINAPI end_by_exception(EXCEPTION_POINTERS *about)
{
    TerminateProcess(GetCurrentProcess(), about->ExceptionRecord->ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* A crash is an answer: no window shall ask about it, and no debugger be started. */
void sys_prepare(const char *program)
{
    (void)program;
    first_thread = GetCurrentThreadId();
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    SetUnhandledExceptionFilter(end_by_exception);
}

void sys_write(const char *text, size_t length)
{
    DWORD written;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, (DWORD)length, &written, NULL);
}

static HANDLE make_pipe(struct sys_child *child)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE ours, theirs;
    if (!CreatePipe(&ours, &theirs, &inherited, 1 << 16))
        cannot("make a pipe");
    SetHandleInformation(ours, HANDLE_FLAG_INHERIT, 0);
    child->pipe = (long long)(size_t)ours;
    return theirs;
}

void sys_child_start(struct sys_child *child, const char *id, const char *startup)
{
    char self[PATH_SIZE], line[PATH_SIZE * 2], plugin[PATH_SIZE];
    STARTUPINFOA start = {0};
    PROCESS_INFORMATION about;
    GetModuleFileNameA(NULL, self, PATH_SIZE);
    snprintf(line, sizeof line, "\"%s\" --ask %s", self, id);
    sys_path(plugin, "plugin");
    sys_environment(LIBRARY_STARTUP, startup);
    sys_environment(LIBRARY_PLUGIN, plugin);
    start.cb = sizeof start;
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdOutput = make_pipe(child);
    if (!CreateProcessA(self, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &about))
        cannot("start a process");
    CloseHandle(start.hStdOutput);
    CloseHandle(about.hThread);
    child->end = SYS_RUNS;
    child->waited = 0;
    child->process = (long long)(size_t)about.hProcess;
}

/* An exception that nobody handled ends a process with its own number, 0xC0000005 say. */
void sys_child_look(struct sys_child *child)
{
    HANDLE process = (HANDLE)(size_t)child->process;
    DWORD status = 0;
    if (WaitForSingleObject(process, 0) != WAIT_OBJECT_0)
        return;
    GetExitCodeProcess(process, &status);
    CloseHandle(process);
    child->end = status >= 0xC0000000U ? SYS_CRASHED : SYS_ENDED;
    child->status = (int)status;
}

void sys_child_kill(struct sys_child *child)
{
    HANDLE process = (HANDLE)(size_t)child->process;
    TerminateProcess(process, 1);
    WaitForSingleObject(process, INFINITE);
    CloseHandle(process);
    child->end = SYS_HUNG;
}

size_t sys_child_read(struct sys_child *child, char *text, size_t size)
{
    HANDLE pipe = (HANDLE)(size_t)child->pipe;
    DWORD waiting = 0, got = 0;
    if (PeekNamedPipe(pipe, NULL, 0, NULL, &waiting, NULL) && waiting > 0)
        ReadFile(pipe, text, (DWORD)(waiting < size ? waiting : size), &got, NULL);
    CloseHandle(pipe);
    return got;
}

#else
typedef int not_windows; /* a file is not to be empty */
#endif
