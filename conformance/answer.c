/* SPDX-License-Identifier: MIT
 *
 * answer.c - see answer.h.
 */
#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One write a word: another thread, or a finalizer, may speak at the same time. */
void say(const char *word)
{
    char line[128];
    int length = snprintf(line, sizeof line, "%s\n", word);
    sys_write(line, (size_t)length);
}

void say_if(bool condition, const char *yes, const char *no)
{
    say(condition ? yes : no);
}

void not_here(void)
{
    say("not here");
    sys_quit();
}

void cannot(const char *what)
{
    say("failed: cannot");
    say(what);
    sys_quit();
}

void say_name(struct face *face)
{
    say(face->name);
}

void say_yes(struct face *face)
{
    (void)face;
    say("yes");
}

static volatile int ends;

void count_end(struct face *face)
{
    (void)face;
    ends++;
}

void say_fate(const void *code)
{
    if (ends > 0)
        say("finalized");
    say_if(sys_mapped(code), "stays", "goes");
}

/* ---- loading ------------------------------------------------------------------------------- */

static const void *address_of(void (*function)(void))
{
    const void *address;
    memcpy(&address, &function, sizeof address);
    return address;
}

struct loaded load_as(const char *name, enum sys_how how)
{
    struct loaded library;
    char symbol[64];
    face_fn *face;
    void *found;
    library.handle = sys_open(name, how);
    if (library.handle == NULL)
        cannot("open a library");
    snprintf(symbol, sizeof symbol, "fc_face_%s", name);
    found = sys_symbol(library.handle, symbol);
    if (found == NULL)
        cannot("find the face of a library");
    memcpy(&face, &found, sizeof face);
    library.face = face();
    library.code = address_of(library.face->handler);
    return library;
}

struct loaded load(const char *name)
{
    return load_as(name, SYS_PLAIN);
}

#ifdef _WIN32
__declspec(dllimport)
#endif
extern struct face *fc_face_start(void);

struct face *start_face(void)
{
    return fc_face_start();
}

void on_load(void (*call)(struct face *))
{
    char text[32];
    size_t address;
    memcpy(&address, &call, sizeof address);
    snprintf(text, sizeof text, "%llx", (unsigned long long)address);
    sys_environment(LIBRARY_ON_LOAD, text);
}

/* ---- events and threads --------------------------------------------------------------------- */

#ifdef __GNUC__
#define STORE(where) __atomic_store_n(where, 1, __ATOMIC_SEQ_CST)
#define LOAD(where) __atomic_load_n(where, __ATOMIC_SEQ_CST)
#else
#define STORE(where) (*(where) = 1)
#define LOAD(where) (*(where))
#endif

void sys_set(struct sys_event *event)
{
    STORE(&event->set);
}

/* Naps are counted, not the time: a machine that is busy elsewhere does not end the wait. */
bool sys_wait(struct sys_event *event, int milliseconds)
{
    for (int i = 0; i < milliseconds && !LOAD(&event->set); i += 5)
        sys_sleep(5);
    return LOAD(&event->set) != 0;
}

struct sys_thread *start(void (*body)(void *), void *arg)
{
    struct sys_thread *thread = sys_start(body, arg);
    if (thread == NULL)
        cannot("start a thread");
    return thread;
}

struct deed {
    void (*run)(void);
    struct sys_event through;
};

static void run_deed(void *data)
{
    struct deed *deed = data;
    deed->run();
    sys_set(&deed->through);
}

bool within_moment(void (*run)(void))
{
    static struct deed deeds[8];
    static int used;
    struct deed *deed = &deeds[used++ % 8];
    deed->run = run;
    return sys_start(run_deed, deed) != NULL && sys_wait(&deed->through, FOREVER);
}
