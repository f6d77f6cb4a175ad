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

/* A static program may lack them; before glibc 2.34 they are in libraries of their own, which a
 * process that loads images at run time has. */
extern __typeof__(dlopen) dlopen FINI_WEAK;
extern __typeof__(dlclose) dlclose FINI_WEAK;
extern __typeof__(pthread_key_create) pthread_key_create FINI_WEAK;
extern __typeof__(pthread_key_delete) pthread_key_delete FINI_WEAK;
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

static void end_reference(void *reference)
{
    dlclose(reference);
}

/* Two images that make one at once: the second gives its own back. */
static int make_key(_Atomic uint32_t *slot)
{
    uint32_t none = 0;
    pthread_key_t key;
    void (*immortal)(void *) = (void (*)(void *))(void (*)(void))dlclose;
    if (pthread_key_create(&key, immortal) != 0)
        return FINI_EAGAIN;
    if (!atomic_compare_exchange_strong(slot, &none, key + 1))
        pthread_key_delete(key);
    return FINI_OK;
}

/* In this thread: the key that has this value; else, for NULL, one that has none. */
static int find_key(struct fini__thread_ends *ends, const void *value, pthread_key_t *ret)
{
    for (unsigned n = 0; n < FINI__THREAD_ENDS; n++) {
        uint32_t key = atomic_load(&ends->key[n]);
        if (key == 0 && value)
            return FINI_ENOENT;
        int error = key == 0 ? make_key(&ends->key[n]) : FINI_OK;
        if (error != FINI_OK)
            return error;
        *ret = atomic_load(&ends->key[n]) - 1;
        if (pthread_getspecific(*ret) == value)
            return FINI_OK;
    }
    return value ? FINI_ENOENT : FINI_EAGAIN;
}

/* In a namespace of dlmopen libc is a second one, with thread keys of its own: the libc that ends
 * the threads of the program does not know them, and may have given their numbers to others. */
static bool in_main_namespace(const struct link_map *map)
{
    while (map->l_prev)
        map = map->l_prev;
    return fini__is_program(map);
}

static int thread_ends(const void **ret_own, struct fini__thread_ends **ret)
{
    struct fini__object own;
    if (!pthread_key_create || !dlclose || !fini__own_object(&own) || !in_main_namespace(own.map))
        return FINI_ENOTSUP;
    *ret = fini__record_thread_ends();
    *ret_own = own.map;
    return *ret ? FINI_OK : FINI_ENOMEM;
}

/* Where the thread has such a reference already, this one is not the last, and can go at once. */
int fini__platform_unrefer_later(void *reference)
{
    const void *own;
    struct fini__thread_ends *ends;
    pthread_key_t key;
    int error = thread_ends(&own, &ends);
    if (error != FINI_OK)
        return error;
    if (find_key(ends, reference, &key) == FINI_OK) {
        end_reference(reference);
        return FINI_OK;
    }
    error = find_key(ends, NULL, &key);
    if (error != FINI_OK)
        return error;
    return pthread_setspecific(key, reference) == 0 ? FINI_OK : FINI_ENOMEM;
}

/* Memory for the value is had before the reference, which could not be given back here. */
int fini__platform_refer_for_thread(void)
{
    const void *own;
    void *reference = NULL;
    struct fini__thread_ends *ends;
    pthread_key_t key;
    if (never_unloaded())
        return FINI_OK;
    int error = thread_ends(&own, &ends);
    if (error != FINI_OK || find_key(ends, own, &key) == FINI_OK)
        return error;
    error = find_key(ends, NULL, &key);
    if (error != FINI_OK)
        return error;
    if (pthread_setspecific(key, own) != 0)
        return FINI_ENOMEM;
    error = fini__platform_refer(&reference);
    if (error != FINI_OK)
        pthread_setspecific(key, NULL);
    return error;
}

#else
typedef int fini__references_are_not_for_this_platform;
#endif
