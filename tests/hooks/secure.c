/* SPDX-License-Identifier: MIT
 *
 * secure.c - the program that environment.c runs set-uid: opens the plugin it is given, adds a hook
 * for unloads only, and exits.
 */
#include <dlfcn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

static void host_hook(void *arg, fini_reason why)
{
    (void)arg;
    say("host: %s", why == FINI_EXIT ? "exit" : "something else");
}

static struct fini_hook hook = {.fn = host_hook, .when = FINI_ON_UNLOAD};

int main(int argc, char **argv)
{
    void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    const struct plugin *plugin = handle != NULL ? dlsym(handle, "plugin") : NULL;
    say("secure: %d", (int)getauxval(AT_SECURE));
    return plugin != NULL && plugin->add(&hook) == FINI_OK ? 0 : 1;
}
