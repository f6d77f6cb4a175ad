/* SPDX-License-Identifier: MIT
 *
 * reload.c - what a library finds of itself when it is loaded again, and what its loads leave.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin;

static void ask_statics(const char *about)
{
    (void)about;
    plugin = load("plugin");
    plugin.face->count = 1;
    sys_close(plugin.handle);
    say_if(load("plugin").face->count == 0, "yes", "no");
    sys_quit();
}

static void say_constructed(struct face *face)
{
    (void)face;
    say("constructed");
}

static void ask_constructor(const char *about)
{
    (void)about;
    on_load(say_constructed);
    sys_close(load("plugin").handle);
    say("again");
    load("plugin");
    sys_quit();
}

static void ask_twice(const char *about)
{
    (void)about;
    on_load(say_constructed);
    load("plugin");
    say("again");
    load("plugin");
    sys_quit();
}

static void ask_address(const char *about)
{
    (void)about;
    plugin = load("plugin");
    sys_close(plugin.handle);
    say_if(load("plugin").code == plugin.code, "yes", "no");
    sys_quit();
}

/* ---- what loads leave ---------------------------------------------------------------------- */

#ifndef _WIN32

enum { ROUNDS = 1000, SLACK = 4096 };

/* Of glibc. */
struct memory_use {
    size_t arena, blocks, small, maps, in_maps, unused, in_small, used, rest[3];
};

static size_t memory_used(void)
{
    static struct memory_use (*ask)(void);
    if (ask == NULL)
        *(void **)&ask = sys_anywhere("mallinfo2");
    if (ask == NULL)
        not_here();
    return ask().used;
}

static struct loaded load_with_handler(int odd)
{
    struct loaded library = load(odd ? "plugin" : "other");
    library.face->register_handler();
    return library;
}

/* Leaves the last one open. */
static struct loaded reload(struct loaded last, bool overlapped)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct loaded next;
        if (!overlapped)
            sys_close(last.handle);
        next = load_with_handler(i % 2);
        if (overlapped)
            sys_close(last.handle);
        last = next;
    }
    return last;
}

static void say_growth(bool overlapped)
{
    size_t before;
    struct loaded last = reload(load_with_handler(1), overlapped);
    before = memory_used();
    reload(last, overlapped);
    say_if(memory_used() > before + SLACK, "yes", "no");
    sys_quit();
}

static void ask_growth(const char *about)
{
    (void)about;
    say_growth(false);
}

static void ask_growth_overlapped(const char *about)
{
    (void)about;
    say_growth(true);
}

static const char *bind_domain(const char *directory)
{
    char *(*bind)(const char *, const char *);
    *(void **)&bind = sys_anywhere("bindtextdomain");
    if (bind == NULL)
        not_here();
    return bind("org.example.fini-conformance", directory);
}

static void put_in_registry(struct face *face)
{
    (void)face;
    bind_domain("/1234");
}

static bool in_registry(void)
{
    const char *found = bind_domain(NULL);
    return found != NULL && strcmp(found, "/1234") == 0;
}

/* Put there by a constructor; asked when its library has gone. */
static void ask_registry(const char *about)
{
    (void)about;
    on_load(put_in_registry);
    sys_close(load("plugin").handle);
    say_if(in_registry(), "yes", "no");
    sys_quit();
}

static void say_whether_in_registry(void)
{
    say_if(in_registry(), "yes", "no");
}

static void ask_registry_in_child(const char *about)
{
    (void)about;
    put_in_registry(NULL);
    sys_fork(say_whether_in_registry);
    sys_quit();
}

#define ask_atom NULL
#define ask_section NULL

#else

#include <windows.h>

#define ask_growth NULL
#define ask_growth_overlapped NULL
#define ask_registry NULL
#define ask_registry_in_child NULL

static void own_name(char *name, size_t size)
{
    snprintf(name, size, "org.example.fini-conformance-%lu",
             (unsigned long)GetCurrentProcessId());
}

static void put_atom(struct face *face)
{
    char name[64];
    (void)face;
    own_name(name, sizeof name);
    AddAtomA(name);
}

static void ask_atom(const char *about)
{
    char name[64];
    (void)about;
    on_load(put_atom);
    sys_close(load("plugin").handle);
    own_name(name, sizeof name);
    say_if(FindAtomA(name) != 0, "yes", "no");
    sys_quit();
}

static void put_section(struct face *face)
{
    char name[64];
    (void)face;
    own_name(name, sizeof name);
    CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096, name);
}

static void ask_section(const char *about)
{
    char name[64];
    (void)about;
    on_load(put_section);
    sys_close(load("plugin").handle);
    own_name(name, sizeof name);
    say_if(OpenFileMappingA(FILE_MAP_READ, FALSE, name) != NULL, "yes", "no");
    sys_quit();
}

#endif

static const struct question questions[] = {
    {.id = "reload.statics", .ask = ask_statics,
     .text = "closed and opened again: are its static variables as at first?"},
    {.id = "reload.constructor", .ask = ask_constructor,
     .text = "closed and opened again: does its constructor run again?"},
    {.id = "reload.opened-twice", .ask = ask_twice,
     .text = "opened while open: does its constructor run again?"},
    {.id = "reload.address", .ask = ask_address, .depends = CHANCE,
     .text = "closed and opened again: is it at the same address?"},
    {.id = "reload.memory", .ask = ask_growth,
     .text = "reloads of a library with an exit handler: does the process grow?"},
    {.id = "reload.memory-overlapped", .ask = ask_growth_overlapped,
     .text = "the same, each opened before the last is closed"},
    {.id = "reload.registry", .ask = ask_registry,
     .text = "bindtextdomain: is what a library has put there found when it has gone?"},
    {.id = "reload.registry-in-child", .ask = ask_registry_in_child,
     .text = "bindtextdomain: ... in a forked child?"},
    {.id = "reload.atom", .ask = ask_atom,
     .text = "an atom of the process (Windows): is it found when its library has gone?"},
    {.id = "reload.section", .ask = ask_section,
     .text = "a named section (Windows): is it found when its library has gone?"},
    {0},
};

const struct theme theme_reload = {"reload: coming back", questions};
