/* SPDX-License-Identifier: MIT
 *
 * 11-glue.c - krb5 #576: a library opens plugins, and its destructor closes them. At exit they are
 * finalized already, by the loader; closing unmaps them under whoever is still inside.
 *
 * krb5's finalizers ask PROGRAM_EXITING(), which no system let it define. fini_why can.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "module.h"

#ifdef NAIVE
#define PROGRAM_EXITING() 0
#else
#include "fini.h"
#define PROGRAM_EXITING() (fini_why() == FINI_EXIT)
#endif

static void *mechanism;
static void (*step)(void);

__attribute__((constructor)) static void open_mechanism(void)
{
    mechanism = dlopen(MECHANISM, RTLD_NOW | RTLD_LOCAL);
    if (mechanism == NULL)
        abort();
    *(void **)&step = dlsym(mechanism, "mechanism_step");
}

__attribute__((destructor)) static void close_mechanism(void)
{
    if (PROGRAM_EXITING())
        return;
    dlclose(mechanism);
    say("mechanism closed");
}

/* What plugins need of the library: they depend on it, and so are finalized before it. */
extern int glue_version(void);
int glue_version(void)
{
    return 1;
}

void work(void)
{
    step();
}
