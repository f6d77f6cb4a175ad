/* SPDX-License-Identifier: MIT
 *
 * Generations on the fake platform: who a library is, and how often it has been loaded.
 *
 * This file names the library, as FINI_LIBRARY does, by a variable: each case sets it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "shared.h"

static const char *library;
FINI_LIBRARY(library);

/* One copy more of a library: what FINI_LIBRARY says (NULL: nothing), its name to the loader. */
static unsigned load(const char *named, const char *file)
{
    inside_reset();
    library = named;
    fake.library_name = file;
    fini__image_loaded();
    return fini_generation();
}

CASE(generation_counts_loads)
{
    probe_start();
    for (unsigned n = 1; n <= 5; n++)
        require_eq(load(NULL, "libthing.so.1"), n);
    require_eq(load(NULL, "libother.so.1"), 1);
    require_eq(load(NULL, "libthing.so"), 1);
    require_eq(load(NULL, "libthing.so.1"), 6);
}

CASE(generation_stays_what_it_was)
{
    probe_start();
    require_eq(load(NULL, "a"), 1);
    atomic_fetch_add(&fini__shared_find()->libraries[0].loads, 7);
    require_eq(fini_generation(), 1);
    fake_finalize(FINI_UNLOAD);
    require_eq(fini_generation(), 1);
}

CASE(generation_of_a_named_library)
{
    probe_start();
    require_eq(load("org.example.thing", "a.so"), 1);
    require_eq(load("org.example.thing", "b.so"), 2);
    require_eq(load("org.example.other", "a.so"), 1);
    require_eq(load(NULL, "a.so"), 1);
    require_eq(load("a.so", "b.so"), 2);
}

CASE(generation_of_nobody)
{
    probe_start();
    require_eq(load(NULL, NULL), 0);
    require_eq(load("named", NULL), 1);
}

CASE(generation_without_a_place)
{
    probe_start();
    fake.dead = FAKE_SHARED;
    require_eq(load(NULL, "a"), 0);
    fake.dead = 0;
    require_eq(load(NULL, "a"), 1);
}

CASE(generation_in_a_child)
{
    probe_start();
    require_eq(load(NULL, "a"), 1);
    fake_fork();
    require_eq(fini_generation(), 1);
    require_eq(load(NULL, "a"), 2);
}

CASE(generation_of_4096_libraries_and_one_more)
{
    char name[16];
    probe_start();
    for (unsigned n = 0; n < FINI__LIBRARIES_MOST; n++) {
        snprintf(name, sizeof name, "lib%u.so", n);
        require_eq(load(NULL, name), 1);
    }
    require_eq(load(NULL, "one-more.so"), 0);
    require_eq(fini_generation(), 0);
    require_eq(load(NULL, "one-more.so"), 0);
    require_eq(load(NULL, "lib0.so"), 2);
    require_eq(load(NULL, "lib4095.so"), 2);
}

/* Constructors of the image that run before libfini's own may ask. */
CASE(generation_before_the_constructor)
{
    probe_start();
    library = NULL;
    fake.library_name = "early.so";
    require_eq(fini_generation(), 1);
    fini__image_loaded();
    require_eq(fini_generation(), 1);
    require_eq(load(NULL, "early.so"), 2);
}

CASE(generation_keeps_errno)
{
    probe_start();
    errno = 4711;
    require_eq(fini_generation(), 1);
    require_eq(errno, 4711);
}

/* Names of every length: two that differ anywhere are two. */
CASE(generation_tells_names_apart)
{
    char name[600];
    probe_start();
    for (unsigned n = 1; n < sizeof name; n++) {
        memset(name, 'x', n);
        name[n] = '\0';
        require_eq(load(name, NULL), 1);
        name[n - 1] = 'y';
        require_eq(load(name, NULL), 1);
    }
}
