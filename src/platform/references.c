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

/* A static program may lack them; before glibc 2.34 they are in libraries of their own, which a
 * process that loads images at run time has. */
extern __typeof__(dlopen) dlopen FINI_WEAK;
extern __typeof__(dlclose) dlclose FINI_WEAK;
extern __typeof__(pthread_key_create) pthread_key_create FINI_WEAK;
extern __typeof__(pthread_getspecific) pthread_getspecific FINI_WEAK;
extern __typeof__(pthread_setspecific) pthread_setspecific FINI_WEAK;

static bool never_unloaded(void)
{
    return fini__platform_traits() != 0;
}

/* A library can have been linked with the name of another as its soname. */
int fini__platform_refer(void **ret)
{
    struct fini__object own;
    void *reference = NULL;
    if (!never_unloaded()) {
        if (!dlopen || !dlclose || !fini__own_object(&own))
            return FINI_ENOTSUP;
        reference = dlopen(own.map->l_name, RTLD_NOW | RTLD_NOLOAD);
        if (reference && reference != own.map)
            dlclose(reference);
        if (reference != own.map)
            return FINI_ESYSTEM;
    }
    *ret = reference;
    return FINI_OK;
}

/* ---- until the thread has ended -------------------------------------------------------------- */

/* The thread keys of the libc that ends this thread. */
struct ending {
    struct fini__thread_ends *ends;
    int (*close)(void *); /* dlclose */
    __typeof__(pthread_key_create) *create;
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

static int find_ending(struct ending *ret)
{
    bool own = ended_by_own_libc();
    bool main_namespace = !own || fini__in_main_namespace();
    *ret = (struct ending){fini__record_thread_ends(main_namespace), dlclose, pthread_key_create,
                           pthread_getspecific, pthread_setspecific};
    if (!own) {
        ret->close = (int (*)(void *))fini__main_code("dlclose");
        ret->create = (__typeof__(ret->create))fini__main_code("pthread_key_create");
        ret->get = (__typeof__(ret->get))fini__main_code("pthread_getspecific");
        ret->set = (__typeof__(ret->set))fini__main_code("pthread_setspecific");
    }
    if (!ret->close || !ret->create || !ret->get || !ret->set)
        return FINI_ENOTSUP;
    return ret->ends ? FINI_OK : FINI_ENOMEM;
}

/* Of two images that make one at once, the second's stays unused. */
static int make_key(const struct ending *by, _Atomic uint32_t *slot)
{
    uint32_t none = 0;
    pthread_key_t key;
    void (*immortal)(void *) = (void (*)(void *))(void (*)(void))by->close;
    if (by->create(&key, immortal) != 0)
        return FINI_EAGAIN;
    atomic_compare_exchange_strong(slot, &none, key + 1);
    return FINI_OK;
}

/* In this thread: the key that has this value; for NULL, one that has none. */
static int find_key(const struct ending *by, const void *value, pthread_key_t *ret)
{
    for (unsigned n = 0; n < FINI__THREAD_ENDS; n++) {
        _Atomic uint32_t *slot = &by->ends->key[n];
        if (atomic_load(slot) == 0 && value)
            return FINI_ENOENT;
        int error = atomic_load(slot) == 0 ? make_key(by, slot) : FINI_OK;
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
    int error = find_ending(&by);
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
    int error = fini__own_object(&own) ? find_ending(&by) : FINI_ENOTSUP;
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

#else
typedef int fini__references_are_not_for_this_platform;
#endif
