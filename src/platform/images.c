/* SPDX-License-Identifier: MIT
 *
 * This image, as the loader knows it; references to it by dlopen.
 *
 * Decides: to open the file name that the loader knows, without loading anything. Where another
 * file has taken its place, or the name means nothing any more, that fails: FINI_ESYSTEM.
 * Leaves to others: how a reference ends (ends.c), what a handle is (the file of the system).
 */
#include "select.h"

#ifdef FINI_USES_PLAIN

#include <dlfcn.h>

#include "plain.h"

static const char own_object = 0; /* for its address */

bool fini__find_own_image(Dl_info *ret)
{
    return dladdr((void *)(uintptr_t)&own_object, ret) != 0 && ret->dli_fname && ret->dli_fname[0];
}

/* All that are linked into the program stay. */
int fini__platform_refer(void **ret)
{
    Dl_info own;
    if (ret)
        *ret = NULL;
    if (fini__in_program())
        return FINI_OK;
    if (!fini__find_own_image(&own))
        return FINI_ENOTSUP;
    void *handle = dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle)
        return FINI_ESYSTEM;
    if (!fini__is_own_handle(handle)) {
        dlclose(handle);
        return FINI_ESYSTEM;
    }
    if (ret)
        *ret = handle;
    return FINI_OK;
}

unsigned fini__platform_traits(void)
{
    if (fini__in_program())
        return FINI_AT_STARTUP | FINI_IN_PROGRAM;
    return fini__startup_traits();
}

const char *fini__platform_image_name(void)
{
    Dl_info own;
    return fini__find_own_image(&own) ? own.dli_fname : "?";
}

/* The soname would have to be looked for in tables that each loader lays out its own way. */
const char *fini__platform_library_name(void)
{
    Dl_info own;
    if (!fini__find_own_image(&own))
        return NULL;
    const char *base = own.dli_fname;
    for (const char *at = base; *at; at++)
        if (*at == '/')
            base = at + 1;
    return base;
}

#else
typedef int fini__images_are_not_for_this_platform;
#endif
