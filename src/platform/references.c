/* SPDX-License-Identifier: MIT
 *
 * References of the image to itself, as the loader counts them.
 *
 * Decides: a reference is one more dlopen of the loaded image, by the name that the loader knows
 * it by, which works with the file gone, or after chdir; it ends by libc's own dlclose as the
 * destructor of a thread key, because an image that releases its last reference itself returns
 * into unmapped code.
 * Leaves to others: who refers when (hold.c), where the keys are kept (glibc.c).
 *
 * Not by __cxa_thread_atexit_impl: libc calls such functions at the beginning of exit() as well.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <dlfcn.h>
#include <pthread.h>

#include "../platform.h"
#include "objects.h"
#include "references.h"
#include "stack.h"
#include "workers.h"

static bool never_unloaded(void)
{
    return fini__platform_traits() != 0;
}

typedef __typeof__(dlopen) dlopen_fn;
typedef __typeof__(dlclose) dlclose_fn;

/* A library can have been linked with the name of another as its soname. The two functions are
 * looked for here because each name that the image asks for is looked up at each of its loads. */
static int open_again(const struct link_map *own)
{
    dlopen_fn *open = (dlopen_fn *)fini__loader_code("dlopen");
    dlclose_fn *close = (dlclose_fn *)fini__loader_code("dlclose");
    if (!open || !close)
        return FINI_ENOTSUP;
    void *reference = open(own->l_name, RTLD_NOW | RTLD_NOLOAD);
    if (reference && reference != own)
        close(reference);
    return reference == own ? FINI_OK : FINI_ESYSTEM;
}

/* Destructors of the image that run before libfini's finalizer (linked later, on glibc): dlopen
 * would say that all is well, and then the loader, which has decided, unmaps the image. */
FINI_NOINLINE static int refer_to(const struct link_map **ret)
{
    struct fini__object own;
    if (!fini__own_object(&own))
        return FINI_ENOTSUP;
    if (fini__in_finalizer(FINI_FRAME()))
        return FINI_EFINALIZING;
    *ret = own.map;
    return open_again(own.map);
}

int fini__platform_refer(void **ret)
{
    const struct link_map *own = NULL;
    int error = never_unloaded() ? FINI_OK : refer_to(&own);
    if (error == FINI_OK)
        *ret = (void *)(uintptr_t)own;
    return error;
}

/* ---- until the thread has ended -------------------------------------------------------------- */

/* The thread keys of the libc that ends this thread. */
struct ending {
    struct fini__thread_ends *ends;
    dlclose_fn *close;
    void (*store)(void *);
    __typeof__(pthread_key_create) *create;
    __typeof__(pthread_key_delete) *drop;
    __typeof__(pthread_getspecific) *get;
    __typeof__(pthread_setspecific) *set;
};

/* In a namespace of dlmopen libc is a second one, with thread keys of its own. It ends the threads
 * that were started there, and knows nothing of the others; those the program's libc ends. The
 * outermost frame of a thread is in the libc that started it, the main thread's is not in any. */
FINI_NOINLINE static bool ended_by_own_libc(void)
{
    struct fini__object libc, outermost;
    return fini__in_main_namespace() ||
           (fini__own_libc(&libc) &&
            fini__object_at(fini__stack_view_from(FINI_FRAME()).outermost - 1, &outermost) &&
            outermost.map == libc.map);
}

static int find_ending(bool own, struct ending *ret)
{
    bool main_namespace = !own || fini__in_main_namespace();
    fini__code *(*find)(const char *) = own ? fini__own_code : fini__main_code;
    *ret = (struct ending){
        .ends = fini__record_thread_ends(main_namespace),
        .close = (dlclose_fn *)find("dlclose"),
        .store = (void (*)(void *))find("sigfillset"),
        .create = (__typeof__(ret->create))find("pthread_key_create"),
        .drop = (__typeof__(ret->drop))find("pthread_key_delete"),
        .get = (__typeof__(ret->get))find("pthread_getspecific"),
        .set = (__typeof__(ret->set))find("pthread_setspecific"),
    };
    if (!ret->close || !ret->store || !ret->create || !ret->drop || !ret->get || !ret->set)
        return FINI_ENOTSUP;
    return ret->ends ? FINI_OK : FINI_ENOMEM;
}

/* libc gives the lowest free number: lower ones are taken meanwhile. */
static int create_key(const struct ending *by, pthread_key_t lowest, void (*immortal)(void *),
                      pthread_key_t *ret)
{
    pthread_key_t key;
    if (by->create(&key, immortal) != 0)
        return FINI_EAGAIN;
    if (key >= lowest) {
        *ret = key;
        return FINI_OK;
    }
    int error = create_key(by, lowest, immortal, ret);
    by->drop(key);
    return error;
}

/* Of two images that make one at once, the second's stays unused. */
static int make_key(const struct ending *by, _Atomic uint32_t *slot, pthread_key_t lowest,
                    void (*immortal)(void *))
{
    uint32_t none = 0;
    pthread_key_t key;
    if (atomic_load(slot) != 0)
        return FINI_OK;
    int error = create_key(by, lowest, immortal, &key);
    if (error == FINI_OK)
        atomic_compare_exchange_strong(slot, &none, key + 1);
    return error;
}

static int make_leaving_key(const struct ending *by)
{
    return make_key(by, &by->ends->left, 0, by->store);
}

static void (*ends_by(const struct ending *by))(void *)
{
    return (void (*)(void *))(void (*)(void))by->close;
}

/* Where there is no room for the second, the first is not kept either: it would be so high that
 * none could come after it for good. Published only when both are there. */
static int make_first_keys(const struct ending *by)
{
    uint32_t none = 0;
    pthread_key_t left, later;
    int error = create_key(by, 0, by->store, &left);
    if (error != FINI_OK)
        return error;
    error = create_key(by, left, ends_by(by), &later);
    if (error == FINI_OK)
        by->drop(later);
    if (error != FINI_OK || !atomic_compare_exchange_strong(&by->ends->left, &none, left + 1))
        by->drop(left);
    return error;
}

/* libc goes through a thread's keys by number. */
static int make_ending_key(const struct ending *by, _Atomic uint32_t *slot)
{
    int error = atomic_load(&by->ends->left) != 0 ? FINI_OK : make_first_keys(by);
    return error == FINI_OK ? make_key(by, slot, atomic_load(&by->ends->left), ends_by(by)) : error;
}

/* In this thread: the key that has this value; for NULL, one that has none. */
static int find_key(const struct ending *by, const void *value, pthread_key_t *ret)
{
    for (unsigned n = 0; n < FINI__THREAD_ENDS; n++) {
        _Atomic uint32_t *slot = &by->ends->key[n];
        if (atomic_load(slot) == 0 && value)
            return FINI_ENOENT;
        int error = make_ending_key(by, slot);
        if (error != FINI_OK)
            return error;
        *ret = atomic_load(slot) - 1;
        if (by->get(*ret) == value)
            return FINI_OK;
    }
    return value ? FINI_ENOENT : FINI_EAGAIN;
}

static int set_free_key(const struct ending *by, const void *value, pthread_key_t *ret)
{
    int error = find_key(by, NULL, ret);
    if (error == FINI_OK && by->set(*ret, value) != 0)
        error = FINI_ENOMEM;
    return error;
}

/* Where the thread has such a reference already, this one is not the last, and can go at once. */
int fini__platform_unrefer_later(void *reference)
{
    struct ending by;
    pthread_key_t key;
    int error = find_ending(ended_by_own_libc(), &by);
    if (error != FINI_OK)
        return error;
    if (find_key(&by, reference, &key) != FINI_OK)
        return set_free_key(&by, reference, &key);
    by.close(reference);
    return FINI_OK;
}

/* The value is set before there is the reference, which could not be given back here. */
int fini__platform_refer_for_thread(void)
{
    struct ending by;
    struct fini__object own;
    void *reference;
    pthread_key_t key;
    if (never_unloaded())
        return FINI_OK;
    int error = fini__own_object(&own) ? find_ending(ended_by_own_libc(), &by) : FINI_ENOTSUP;
    if (error != FINI_OK || find_key(&by, own.map, &key) == FINI_OK)
        return error;
    error = set_free_key(&by, own.map, &key);
    if (error != FINI_OK)
        return error;
    error = fini__platform_refer(&reference);
    if (error != FINI_OK)
        by.set(key, NULL);
    return error;
}

/* ---- threads of the image's own -------------------------------------------------------------- */

struct fini__leaving fini__prepare_leaving(void)
{
    struct ending by;
    struct fini__leaving none = {0, NULL};
    if (!fini__has_loader() || find_ending(true, &by) != FINI_OK ||
        make_leaving_key(&by) != FINI_OK)
        return none;
    return (struct fini__leaving){atomic_load(&by.ends->left) - 1, by.set};
}

void fini__note_leaving(const struct fini__leaving *leaving, sigset_t *set)
{
    if (leaving->set)
        leaving->set(leaving->key, set);
}

#else
typedef int fini__references_are_not_for_this_platform;
#endif
