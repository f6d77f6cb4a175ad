/* SPDX-License-Identifier: MIT
 *
 * The first two images with libfini in a process come at once: one that the program starts with,
 * and one that a thread opens meanwhile, which together_early.c has begun. They are to know of one
 * another all the same.
 *
 * Both look for the process's record by bindtextdomain, which here is the program's own: it lets
 * the first two wait for each other when they have found none.
 */
#include <dlfcn.h>
#include <libintl.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "harness.h"
#include "host.h"
#include "together.h"

static atomic_int looked;

/* Not for ever: where the second is kept from looking, that is as good. */
static void meet(void)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    if (atomic_fetch_add(&looked, 1) >= 2)
        return;
    for (int n = 0; n < 1000 && atomic_load(&looked) < 2; n++)
        nanosleep(&millisecond, NULL);
}

/* together_early.c calls it first: later dlsym would wait for the loader. */
char *bindtextdomain(const char *domain, const char *folder)
{
    static char *(*libcs)(const char *, const char *);
    if (!libcs)
        *(void **)&libcs = dlsym(RTLD_NEXT, "bindtextdomain");
    char *text = libcs(domain, folder);
    if (!folder && strncmp(domain, "libfini process", 15) == 0)
        meet();
    return text;
}

CASE(startup_and_opened)
{
    const struct member *opened, *startup = dlsym(RTLD_DEFAULT, "member");
    char text[8];
    size_t size = sizeof text;
    require(startup != NULL);
    opened = together_opened();
    require(opened != NULL && opened != startup);
    require(atomic_load(&looked) >= 2);
    require_eq(startup->keep_put("name", "data", 5), FINI_OK);
    require_eq(opened->keep_get("name", text, &size), FINI_OK);
    require(strcmp(text, "data") == 0);
}
