/* SPDX-License-Identifier: MIT
 *
 * Keepsakes: data that outlives the image.
 *
 * Decides: how they are kept, and their bounds.
 * Leaves to others: the memory that all copies find (platform.h), where the list begins (shared.h).
 *
 * A keepsake is never changed, only replaced, by one store of a link: so a forked child, whose
 * parent had another thread inside, finds the list whole.
 */
#include <errno.h>
#include <string.h>

#include "shared.h"

enum { KEPT_MOST = 1024 };

struct fini__kept {
    struct fini__kept *next;
    size_t mapped; /* bytes of this mapping */
    uint32_t name_length, length;
    char bytes[]; /* the name, then the data */
};

/* The name's length; 0: none, or too long. */
static size_t length_of(const char *name)
{
    size_t length = 0;
    while (name && length <= FINI_KEEP_NAME_MOST && name[length])
        length++;
    return length;
}

static int check_name(const char *name)
{
    size_t length = length_of(name);
    return length == 0 ? FINI_EINVAL : length > FINI_KEEP_NAME_MOST ? FINI_ERANGE : FINI_OK;
}

/* Not memcmp: each name that the image asks of libc is looked up at each of its loads. */
static bool has_name(const struct fini__kept *kept, const char *name, size_t length)
{
    size_t same = 0;
    if (kept->name_length != length)
        return false;
    while (same < length && kept->bytes[same] == name[same])
        same++;
    return same == length;
}

/* The link that leads to it, or to the end of the list. `passed` are before it: counted each time,
 * because the counter of a parent whose other thread was between two stores would be wrong. */
static struct fini__kept **find_kept(struct fini__shared *s, const char *name, unsigned *passed)
{
    size_t length = length_of(name);
    struct fini__kept **link = &s->first;
    for (*passed = 0; *link && !has_name(*link, name, length); ++*passed)
        link = &(*link)->next;
    return link;
}

static struct fini__kept *make_kept(const char *name, const void *data, size_t size)
{
    size_t length = length_of(name);
    size_t mapped = sizeof(struct fini__kept) + length + size;
    struct fini__kept *made = fini__platform_map(mapped);
    if (!made)
        return NULL;
    made->mapped = mapped;
    made->name_length = (uint32_t)length;
    made->length = (uint32_t)size;
    memcpy(made->bytes, name, length);
    memcpy(made->bytes + length, data, size);
    return made;
}

/* One store: before it the old keepsake is on the list, after it the new. */
static struct fini__kept *replace(struct fini__kept **link, struct fini__kept *made)
{
    struct fini__kept *old = *link;
    made->next = old ? old->next : NULL;
    atomic_signal_fence(memory_order_seq_cst);
    *link = made;
    return old;
}

static void forget(struct fini__kept *kept)
{
    if (kept)
        fini__platform_unmap(kept, kept->mapped);
}

static int put_locked(struct fini__shared *s, const char *name, struct fini__kept *made)
{
    unsigned passed;
    struct fini__kept **link = find_kept(s, name, &passed);
    if (!*link && passed >= KEPT_MOST)
        return FINI_EAGAIN;
    forget(replace(link, made));
    return FINI_OK;
}

static int put_kept(struct fini__shared *s, const char *name, const void *data, size_t size)
{
    struct fini__kept *made = make_kept(name, data, size);
    if (!made)
        return FINI_ENOMEM;
    int error = FINI_EDEADLK;
    if (fini__lock_take(&s->lock)) {
        error = put_locked(s, name, made);
        fini__lock_drop(&s->lock);
    }
    if (error != FINI_OK)
        forget(made);
    return error;
}

static int delete_kept(struct fini__shared *s, const char *name)
{
    if (!fini__lock_take(&s->lock))
        return FINI_EDEADLK;
    unsigned passed;
    struct fini__kept **link = find_kept(s, name, &passed), *old = *link;
    if (old) {
        *link = old->next;
        forget(old);
    }
    fini__lock_drop(&s->lock);
    return old ? FINI_OK : FINI_ENOENT;
}

int fini_keep_put(const char *name, const void *data, size_t size)
{
    int saved = errno;
    int error = check_name(name);
    struct fini__shared *s = fini__shared_find();
    if (error == FINI_OK && size > FINI_KEEP_SIZE_MOST)
        error = FINI_ERANGE;
    else if (error == FINI_OK && !data && size != 0)
        error = FINI_EINVAL;
    else if (error == FINI_OK && !s)
        error = FINI_ENOTSUP;
    if (error == FINI_OK)
        error = size == 0 ? delete_kept(s, name) : put_kept(s, name, data, size);
    errno = saved;
    return error;
}

static int get_locked(struct fini__shared *s, const char *name, void *ret_data, size_t *size)
{
    unsigned passed;
    const struct fini__kept *kept = *find_kept(s, name, &passed);
    if (!kept)
        return FINI_ENOENT;
    size_t room = *size;
    *size = kept->length;
    if (room < kept->length)
        return FINI_ERANGE;
    memcpy(ret_data, kept->bytes + kept->name_length, kept->length);
    return FINI_OK;
}

static int get_kept(const char *name, void *ret_data, size_t *size)
{
    struct fini__shared *s = fini__shared_find();
    if (!s)
        return FINI_ENOTSUP;
    if (!fini__lock_take(&s->lock))
        return FINI_EDEADLK;
    int error = get_locked(s, name, ret_data, size);
    fini__lock_drop(&s->lock);
    return error;
}

int fini_keep_get(const char *name, void *ret_data, size_t *size)
{
    int saved = errno;
    int error = check_name(name);
    if (!size || (!ret_data && *size != 0))
        error = FINI_EINVAL;
    if (error == FINI_OK)
        error = get_kept(name, ret_data, size);
    errno = saved;
    return error;
}
