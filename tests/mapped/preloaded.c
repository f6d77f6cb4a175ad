/* SPDX-License-Identifier: MIT
 *
 * Cases that others run in a program of its own, with something preloaded.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "host.h"

static struct image image;
static struct fini_hold hold;

static void *release(void *arg)
{
    require_eq(image.m->release(&hold), FINI_OK);
    return arg;
}

/* It is none of those that never go. */
CASE(opened_by_a_startup_constructor)
{
    void **opened = dlsym(RTLD_DEFAULT, "opened");
    require(opened != NULL && *opened != NULL);
    image.handle = *opened;
    snprintf(image.path, sizeof image.path, "%s", getenv("MAPPED_OPEN"));
    image.m = dlsym(image.handle, "member");
    image.ending = shared_memory(sizeof *image.ending);
    image.m->tell(image.ending);
    require_eq(image.m->traits(), TRAITS(0));
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_stays(&image);
    in_thread(release, NULL);
    require_gone(&image, FINI_UNLOAD, 0);
}

CASE(held_in_a_startup_constructor)
{
    const struct member *m = dlsym(RTLD_DEFAULT, "member");
    struct constructed *constructed = dlsym(RTLD_DEFAULT, "constructed");
    require(m != NULL && constructed != NULL);
    require_eq(constructed->error, FINI_OK);
    require_eq(m->hold(&constructed->hold), FINI_EBUSY);
    require_eq(m->release(&constructed->hold), FINI_OK);
    require_eq(m->release(&constructed->hold), FINI_ENOENT);
}

/* The program has put one before exec. */
CASE(no_keepsake)
{
    const struct member *m = dlsym(RTLD_DEFAULT, "member");
    size_t size = 0;
    require(m != NULL);
    require_eq(m->keep_get("name", NULL, &size), FINI_ENOENT);
    require_eq(m->generation(), 1);
}
