/* SPDX-License-Identifier: MIT
 *
 * library.c - the libraries of the program, one for each -DNAME=...
 *
 *     start    the program is linked to it, so it is there before main
 *     plugin   is loaded by the program
 *     other    is loaded by the program, and alone defines fc_only_in_other
 *     top      depends on plugin                                       (-DTOP)
 *     broken   depends on plugin, and cannot be loaded                 (-DBROKEN)
 *              unless other is open to it
 *     unique   has a symbol that is to be unique in the process        (-DUNIQUE)
 *
 * Decides: that all of them are the same but for that.
 * Leaves to others: all else; see library.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#include <pthread.h>
#endif

#include "../library.h"

#define JOINED(a, b) a##b
#define JOIN(a, b) JOINED(a, b)
#define QUOTED(a) #a
#define QUOTE(a) QUOTED(a)

static struct face face;

/* ---- what is called back ------------------------------------------------------------------- */

static void finalize(void)
{
    if (face.on_finalizer != NULL)
        face.on_finalizer(&face);
}

static void part(const char *name, void *reserved)
{
    if (face.on_part != NULL)
        face.on_part(&face, name, reserved);
}

static void handler(void)
{
    part("handler", NULL);
    if (face.on_handler != NULL)
        face.on_handler(&face);
}

static void LIBRARY_CALL value(void *unused)
{
    (void)unused;
    if (face.on_value != NULL)
        face.on_value(&face);
}

static void body(void *function)
{
    void (*call)(void);
    memcpy(&call, function, sizeof call);
    call();
    face.count++; /* so that the call above is no jump: the thread comes back here */
}

/* ---- what it is asked ---------------------------------------------------------------------- */

static int register_handler(void)
{
    return atexit(handler);
}

static int register_for(void (*fn)(void))
{
    return atexit(fn);
}

#ifdef _MSC_VER
static __declspec(thread) int own;
#else
static __thread int own;
#endif

static void touch(void)
{
    own++;
}

#ifdef _WIN32

static int register_value(void)
{
    return -1;
}

static int register_fork(void)
{
    return -1;
}

static void set_mark(void)
{
    face.marked = 1;
}

static int mark(void)
{
    return atexit(set_mark);
}

static size_t read_environment(const char *name, char *text, size_t size)
{
    return GetEnvironmentVariableA(name, text, (DWORD)size);
}

static void *open_library(const char *path)
{
    return (void *)LoadLibraryA(path);
}

static face_fn *face_of(void *library, const char *name)
{
    FARPROC found = GetProcAddress((HMODULE)library, name);
    face_fn *face_of_library;
    memcpy(&face_of_library, &found, sizeof found);
    return face_of_library;
}

#else

typedef int with_argument_fn(void (*fn)(void *), void *arg, void *owner);

static with_argument_fn *at_exit, *at_thread_end;

/* Beforehand: dlsym may wait for a lock that an experiment is about. */
static void look_up(void)
{
    *(void **)&at_exit = dlsym(RTLD_DEFAULT, "__cxa_atexit");
    *(void **)&at_thread_end = dlsym(RTLD_DEFAULT, "__cxa_thread_atexit_impl");
}

static int register_value(void)
{
    return at_thread_end != NULL ? at_thread_end(value, NULL, &face) : -1;
}

static void forked(void)
{
    if (face.on_fork != NULL)
        face.on_fork(&face);
}

static int register_fork(void)
{
    return pthread_atfork(NULL, NULL, forked);
}

static void set_mark(void *unused)
{
    (void)unused;
    face.marked = 1;
}

/* The owner is nobody: the handler is not among those of an image. */
static int mark(void)
{
    return at_exit != NULL ? at_exit(set_mark, NULL, malloc(1)) : -1;
}

static size_t read_environment(const char *name, char *text, size_t size)
{
    const char *found = getenv(name);
    size_t length = found != NULL ? strlen(found) : 0;
    if (length > 0 && length < size)
        memcpy(text, found, length + 1);
    return length;
}

static void *open_library(const char *path)
{
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static face_fn *face_of(void *library, const char *name)
{
    face_fn *found;
    *(void **)&found = dlsym(library, name);
    return found;
}

#endif

/* ---- what tells the libraries apart -------------------------------------------------------- */

LIBRARY_EXPORT struct face *JOIN(fc_face_, NAME)(void);
LIBRARY_EXPORT struct face *JOIN(fc_face_, NAME)(void)
{
    return &face;
}

#if defined(TOP) || defined(BROKEN)
#ifdef _WIN32
__declspec(dllimport)
#endif
extern struct face *fc_face_plugin(void);
LIBRARY_EXPORT face_fn *fc_needed(void);
LIBRARY_EXPORT face_fn *fc_needed(void)
{
    return fc_face_plugin;
}
#endif

#ifdef OTHER
LIBRARY_EXPORT extern int fc_only_in_other;
LIBRARY_EXPORT int fc_only_in_other = 1;
#endif

#if defined(BROKEN) && !defined(_WIN32)
extern int fc_only_in_other;
LIBRARY_EXPORT extern int *fc_missing;
LIBRARY_EXPORT int *fc_missing = &fc_only_in_other;
#endif

#if defined(UNIQUE) && defined(__ELF__)
__asm__(".data\n"
        ".globl fc_unique\n"
        ".type fc_unique, %gnu_unique_object\n"
        ".size fc_unique, 4\n"
        "fc_unique: .long 1\n"
        ".text\n");
extern int fc_unique;
LIBRARY_EXPORT extern int *fc_unique_used;
LIBRARY_EXPORT int *fc_unique_used = &fc_unique;
#endif

/* ---- its life ------------------------------------------------------------------------------ */

static void fill_face(void)
{
    face.name = QUOTE(NAME);
    face.handler = handler;
    face.value = value;
    face.body = body;
    face.register_handler = register_handler;
    face.register_for = register_for;
    face.register_value = register_value;
    face.register_fork = register_fork;
    face.mark = mark;
    face.touch = touch;
}

static void call_on_load(void)
{
    char text[32];
    unsigned long long number;
    size_t address;
    void (*call)(struct face *);
    if (read_environment(LIBRARY_ON_LOAD, text, sizeof text) == 0)
        return;
    number = strtoull(text, NULL, 16);
    address = (size_t)number;
    memcpy(&call, &address, sizeof call);
    call(&face);
}

static void mark_in_plugin(void)
{
    char path[4096];
    void *plugin = NULL;
    face_fn *of_plugin = NULL;
    if (read_environment(LIBRARY_PLUGIN, path, sizeof path) > 0)
        plugin = open_library(path);
    if (plugin != NULL)
        of_plugin = face_of(plugin, "fc_face_plugin");
    if (of_plugin != NULL)
        of_plugin()->mark();
}

static void start_up(void)
{
    char deed[32] = "";
    if (strcmp(face.name, "start") != 0)
        return;
    read_environment(LIBRARY_STARTUP, deed, sizeof deed);
    if (strcmp(deed, "mark") == 0)
        face.mark();
    if (strcmp(deed, "open") == 0)
        mark_in_plugin();
}

static void begin(void)
{
    fill_face();
    start_up();
    call_on_load();
}

#ifdef _WIN32

/* A DLL that refuses to be loaded is Windows' dlopen that fails. */
#ifdef BROKEN
enum { ACCEPTED = FALSE };
#else
enum { ACCEPTED = TRUE };
#endif

BOOL WINAPI DllMain(HINSTANCE self, DWORD why, LPVOID reserved);
BOOL WINAPI DllMain(HINSTANCE self, DWORD why, LPVOID reserved)
{
    (void)self;
    if (why == DLL_PROCESS_ATTACH)
        begin();
    if (why == DLL_PROCESS_DETACH) {
        part("DllMain", reserved);
        finalize();
    }
    return ACCEPTED;
}

static void NTAPI at_tls(PVOID self, DWORD why, PVOID reserved)
{
    (void)self;
    if (why == DLL_PROCESS_DETACH)
        part("TLS-callback", reserved);
}

#ifdef _MSC_VER
#pragma section(".CRT$XLB", long, read)
#ifdef _WIN64
#pragma comment(linker, "/INCLUDE:_tls_used")
#else
#pragma comment(linker, "/INCLUDE:__tls_used")
#endif
__declspec(allocate(".CRT$XLB")) PIMAGE_TLS_CALLBACK tls_entry = at_tls;
#else
__attribute__((section(".CRT$XLB"), used)) static PIMAGE_TLS_CALLBACK tls_entry = at_tls;

__attribute__((destructor)) static void at_destructor(void)
{
    part("destructor", NULL);
}
#endif

#else

__attribute__((constructor)) static void construct(void)
{
    look_up();
    begin();
}

__attribute__((destructor)) static void destruct(void)
{
    finalize();
}

#endif
