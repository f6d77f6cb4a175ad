/* SPDX-License-Identifier: MIT
 *
 * probe_calls.c - functions that stand before libc's of the same name, because a program's symbols
 * come first. Each notes what it is asked for and passes it on.
 *
 * Decides what is left of it at the end. glibc's own calls of these functions do not come here.
 */
#include "probe_calls.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "findings.h"
#include "probe_state.h"

enum { HANDLERS_MOST = 4096, KEYS_MOST = 1024, SHOWN_SIZE = 150 };

struct handler {
    uintptr_t function;
    void *owner;
    const char *way;
    bool taken_back;
    char shown[SHOWN_SIZE];
};

struct key {
    uintptr_t destructor;
    char shown[SHOWN_SIZE];
};

static struct handler handlers[HANDLERS_MOST];
static atomic_uint handler_count;
static struct key keys[KEYS_MOST];
static atomic_uint pending;
static char first_pending[SHOWN_SIZE];

/* libc's own. Found before anything is loaded: dlsym takes the loader's lock, and a thread of the
 * library that is joined by a finalizer would wait for it where it would not without us. */
#define CALLS(X)                                                                                  \
    X(__cxa_atexit) X(on_exit) X(__cxa_at_quick_exit) X(__register_atfork) X(__cxa_finalize)      \
    X(__cxa_thread_atexit_impl) X(pthread_key_create) X(__pthread_key_create)
enum {
#define CALLS_NUMBER(name) CALL_##name,
    CALLS(CALLS_NUMBER)
#undef CALLS_NUMBER
    CALL_COUNT
};
static const char *const call_names[] = {
#define CALLS_TEXT(name) #name,
    CALLS(CALLS_TEXT)
#undef CALLS_TEXT
};
static uintptr_t real[CALL_COUNT];

static uintptr_t next(int call)
{
    if (!real[call])
        real[call] = (uintptr_t)dlsym(RTLD_NEXT, call_names[call]);
    return real[call];
}

__attribute__((constructor)) static void find_real(void)
{
    for (int i = 0; i < CALL_COUNT; i++)
        next(i);
}

#define NEXT(type, name) ((type *)next(CALL_##name))

/* While the library is there, for afterwards the address has no name; and not on other threads,
 * because dladdr takes the loader's lock, too. */
static void describe(uintptr_t address, char *ret)
{
    Dl_info info;
    if (syscall(SYS_gettid) != getpid() || !dladdr((void *)address, &info)) {
        snprintf(ret, SHOWN_SIZE, "%#lx", (unsigned long)address);
        return;
    }
    const char *file = strrchr(info.dli_fname, '/');
    file = file ? file + 1 : info.dli_fname;
    if (info.dli_sname)
        snprintf(ret, SHOWN_SIZE, "%s of %s", info.dli_sname, file);
    else
        snprintf(ret, SHOWN_SIZE, "%s+%#lx", file,
                 (unsigned long)(address - (uintptr_t)info.dli_fbase));
}

static void add_handler(uintptr_t function, void *owner, const char *way)
{
    unsigned index = atomic_fetch_add(&handler_count, 1);
    if (index >= HANDLERS_MOST)
        return;
    struct handler *handler = &handlers[index];
    *handler = (struct handler){.function = function, .owner = owner, .way = way};
    describe(function, handler->shown);
}

#define EXPORTED __attribute__((visibility("default")))

typedef int cxa_atexit_fn(void (*)(void *), void *, void *);
typedef int on_exit_fn(void (*)(int, void *), void *);
typedef int quick_exit_fn(void (*)(void *), void *);
typedef int atfork_fn(void (*)(void), void (*)(void), void (*)(void), void *);
typedef int key_create_fn(pthread_key_t *, void (*)(void *));
typedef void finalize_fn(void *);

cxa_atexit_fn __cxa_atexit, __cxa_thread_atexit_impl;
quick_exit_fn __cxa_at_quick_exit;
atfork_fn __register_atfork;
key_create_fn __pthread_key_create;
finalize_fn __cxa_finalize;

EXPORTED int __cxa_atexit(void (*function)(void *), void *argument, void *owner)
{
    add_handler((uintptr_t)function, owner, "exit handler");
    return NEXT(cxa_atexit_fn, __cxa_atexit)(function, argument, owner);
}

EXPORTED int on_exit(void (*function)(int, void *), void *argument)
{
    add_handler((uintptr_t)function, NULL, "exit handler (on_exit)");
    return NEXT(on_exit_fn, on_exit)(function, argument);
}

EXPORTED int __cxa_at_quick_exit(void (*function)(void *), void *owner)
{
    add_handler((uintptr_t)function, owner, "quick_exit handler");
    return NEXT(quick_exit_fn, __cxa_at_quick_exit)(function, owner);
}

EXPORTED int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                               void *owner)
{
    uintptr_t any = (uintptr_t)(prepare ? prepare : parent ? parent : child);
    add_handler(any, owner, "fork handler");
    return NEXT(atfork_fn, __register_atfork)(prepare, parent, child, owner);
}

/* What libc does with the owner's handlers, atfork's as well. */
EXPORTED void __cxa_finalize(void *owner)
{
    unsigned count = atomic_load(&handler_count);
    for (unsigned i = 0; i < count && i < HANDLERS_MOST; i++)
        if (owner && handlers[i].owner == owner)
            handlers[i].taken_back = true;
    NEXT(finalize_fn, __cxa_finalize)(owner);
}

EXPORTED int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *owner)
{
    if (atomic_fetch_add(&pending, 1) == 0)
        describe((uintptr_t)function, first_pending);
    return NEXT(cxa_atexit_fn, __cxa_thread_atexit_impl)(function, argument, owner);
}

static int create_key(key_create_fn *create, pthread_key_t *key, void (*destructor)(void *))
{
    int error = create(key, destructor);
    if (error == 0 && *key < KEYS_MOST) {
        keys[*key].destructor = (uintptr_t)destructor;
        describe((uintptr_t)destructor, keys[*key].shown);
    }
    return error;
}

EXPORTED int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return create_key(NEXT(key_create_fn, pthread_key_create), key, destructor);
}

EXPORTED int __pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    return create_key(NEXT(key_create_fn, __pthread_key_create), key, destructor);
}

static void look_at_handlers(void)
{
    unsigned count = atomic_load(&handler_count);
    for (unsigned i = 0; i < count && i < HANDLERS_MOST; i++)
        if (!handlers[i].taken_back && !state_is_mapped(handlers[i].function))
            probe_note(FINDING_PROBE_HANDLERS, "%s: %s", handlers[i].way, handlers[i].shown);
}

static void look_at_keys(bool images_left)
{
    for (unsigned i = 0; i < KEYS_MOST; i++) {
        const struct key *key = &keys[i];
        if (!state_key_is_new(i))
            continue;
        if (key->destructor && !state_is_mapped(key->destructor))
            probe_note(FINDING_PROBE_KEYS, "key %u, whose destructor is gone: %s", i, key->shown);
        else if (!images_left)
            probe_note(FINDING_PROBE_KEYS, "key %u", i);
    }
}

void calls_look(bool images_left)
{
    look_at_handlers();
    look_at_keys(images_left);
    if (atomic_load(&pending))
        probe_note(FINDING_PROBE_PENDING, "%u, the first: %s", atomic_load(&pending),
                   first_pending);
}
