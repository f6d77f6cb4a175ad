/* SPDX-License-Identifier: MIT
 *
 * The end of a reference, with the end of a thread.
 *
 * Decides: the reference is the value of a thread key whose destructor is libc's own dlclose: when
 * it runs, no instruction of the thread is left to run in the image. The keys belong to no image.
 * Where a process has no place to keep them, the image would have to leave its own behind at each
 * load: then there is no such end.
 * Leaves to others: the place (pages.c), how a reference is made (images.c).
 */
#include "select.h"

#ifdef FINI_USES_ENDS

#include <dlfcn.h>
#include <pthread.h>

#include "pages.h"
#include "plain.h"

/* Of two images that make one at once, the second gives its own back. */
static int make_key(_Atomic uint32_t *slot)
{
    uint32_t none = 0;
    pthread_key_t key;
    if (atomic_load(slot) != 0)
        return FINI_OK;
    if (pthread_key_create(&key, (void (*)(void *))(void (*)(void))dlclose) != 0)
        return FINI_EAGAIN;
    if (!atomic_compare_exchange_strong(slot, &none, (uint32_t)key + 1))
        pthread_key_delete(key);
    return FINI_OK;
}

/* In this thread: the key that has this value; for NULL, one that has none. */
static int find_key(struct fini__ends *ends, const void *value, pthread_key_t *ret)
{
    for (unsigned n = 0; n < FINI__ENDS; n++) {
        _Atomic uint32_t *slot = &ends->key[n];
        int error = value ? FINI_OK : make_key(slot);
        if (error != FINI_OK)
            return error;
        if (atomic_load(slot) == 0)
            return FINI_ENOENT;
        *ret = (pthread_key_t)(atomic_load(slot) - 1);
        if (pthread_getspecific(*ret) == value)
            return FINI_OK;
    }
    return value ? FINI_ENOENT : FINI_EAGAIN;
}

/* Where the thread has such a reference already, this one is not the last, and can go at once. */
int fini__platform_unrefer_later(void *reference)
{
    pthread_key_t key;
    struct fini__ends *ends = fini__shared_ends();
    if (!ends)
        return FINI_ENOTSUP;
    if (find_key(ends, reference, &key) == FINI_OK) {
        dlclose(reference);
        return FINI_OK;
    }
    int error = find_key(ends, NULL, &key);
    if (error == FINI_OK && pthread_setspecific(key, reference) != 0)
        error = FINI_ENOMEM;
    return error;
}

/* A second one for the same thread is given back at once. That it cannot be given back when there
 * is no key for it is no failure: the image stays. */
int fini__platform_refer_for_thread(void)
{
    void *reference;
    pthread_key_t key;
    struct fini__ends *ends = fini__shared_ends();
    if (fini__in_program())
        return FINI_OK;
    int error = ends ? find_key(ends, NULL, &key) : FINI_ENOTSUP;
    if (error == FINI_OK)
        error = fini__platform_refer(&reference);
    return error == FINI_OK ? fini__platform_unrefer_later(reference) : error;
}

#else
typedef int fini__ends_are_not_for_this_platform;
#endif
