/* SPDX-License-Identifier: MIT
 *
 * How often a library has been loaded in this process.
 *
 * Decides: who a library is, and where its loads are counted.
 * Leaves to others: the memory that all copies find (platform.h), its format (shared.h).
 *
 * Counted without a lock, by constructors: an entry belongs to the first who stores its name there.
 * Of 4096 names two are taken for one in one process of 10^12.
 */
#include <errno.h>

#include "shared.h"

_Static_assert(sizeof(struct fini__shared) <= FINI__SHARED_SIZE, "the platform gives too little");

struct fini__shared *fini__shared_find(void)
{
    struct fini__shared *s = fini__platform_shared();
    uint32_t seen = 0;
    if (!s || atomic_compare_exchange_strong(&s->format, &seen, FINI__SHARED_FORMAT))
        return s;
    return seen == FINI__SHARED_FORMAT ? s : NULL;
}

static unsigned generation;
static bool counted;

/* An image need not say who it is. Not a weak reference: see image.c. */
FINI_INTERNAL const char *fini__no_library(void);
FINI_API const char *fini__library(void) FINI_WEAK_ALIAS(fini__no_library);

const char *fini__no_library(void)
{
    return NULL;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash ? hash : 1;
}

/* The first few places are all on the page that each copy has touched already. */
static size_t place_of(uint64_t name, unsigned n)
{
    return n < 8 ? (name + n) % 32 : (name + n) % FINI__LIBRARIES_MOST;
}

static struct fini__library *find_library(struct fini__shared *s, uint64_t name)
{
    for (unsigned n = 0; n < FINI__LIBRARIES_MOST + 8; n++) {
        struct fini__library *library = &s->libraries[place_of(name, n)];
        uint64_t seen = 0;
        if (atomic_compare_exchange_strong(&library->name, &seen, name) || seen == name)
            return library;
    }
    return NULL;
}

const char *fini__library_name(void)
{
    const char *name = fini__library();
    return name ? name : fini__platform_library_name();
}

void fini__generation_count(void)
{
    struct fini__shared *s = fini__shared_find();
    if (counted)
        return;
    counted = true;
    const char *name = fini__library_name();
    struct fini__library *library = s && name ? find_library(s, hash_of(name)) : NULL;
    if (library)
        generation = 1 + (unsigned)atomic_fetch_add(&library->loads, 1);
}

/* Constructors of the image that run before libfini's own may ask. */
static void count_early(void)
{
    int saved = errno;
    fini__generation_count();
    errno = saved;
}

unsigned fini_generation(void)
{
    if (FINI_UNLIKELY(!counted))
        count_early();
    return generation;
}
