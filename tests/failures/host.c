/* SPDX-License-Identifier: MIT
 *
 * host.c - the steps that the hosts of this folder share; see host.h.
 */
#include "host.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

enum { SECONDS_FOR_CHILD = 1 };

__attribute__((noreturn)) static void give_up(const char *why)
{
    fprintf(stderr, "%s\n", why);
    _exit(2);
}

static void *known(void *pointer)
{
    if (pointer == NULL)
        give_up(dlerror());
    return pointer;
}

/* window.c comes with the host, so that it ends with the process and not with the module; a linker
 * leaves out what nobody calls. */
void *host_open(int argc, char **argv)
{
    window_watch(NULL);
    if (argc != 3)
        give_up("usage: HOST ./MODULE.so exit|unload");
    return known(dlopen(argv[1], RTLD_NOW | RTLD_LOCAL));
}

bool host_unloads(char **argv)
{
    return strcmp(argv[2], "unload") == 0;
}

void host_close(void *module)
{
    if (dlclose(module) != 0)
        give_up(dlerror());
}

void *host_symbol(void *module, const char *name)
{
    return known(dlsym(module, name));
}

host_function *host_find(void *module, const char *name)
{
    host_function *function;
    *(void **)&function = host_symbol(module, name);
    return function;
}

void host_nap(int milliseconds)
{
    struct timespec nap = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&nap, NULL);
}

/* The alarm of the parent is not its child's. */
void host_end_as_child(host_function *first)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS_FOR_CHILD);
        if (first != NULL)
            first();
        exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        give_up("no child");
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    _exit(WEXITSTATUS(status));
}
