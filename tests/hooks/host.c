/* SPDX-License-Identifier: MIT
 *
 * host.c - the steps that the test programs of this folder share: opening plugins, and hearing a
 * child.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

void *open_plugin(const char *name, const struct plugin **ret)
{
    char path[PATH_MAX];
    void *handle = dlopen(harness_path(path, name), RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        say("%s", dlerror());
    require(handle != NULL);
    if (ret != NULL) {
        *ret = dlsym(handle, "plugin");
        require(*ret != NULL);
    }
    return handle;
}

void close_plugin(void *handle)
{
    require_eq(dlclose(handle), 0);
}

const char *reason(fini_reason why)
{
    static const char *const names[] = {"running", "unload", "unload at exit", "exit"};
    require((unsigned)why < sizeof names / sizeof *names);
    return names[why];
}

/* A file and not a pipe: it never blocks the child. */
static int temporary_file(void)
{
    FILE *file = tmpfile();
    require(file != NULL);
    return fileno(file);
}

int in_child_heard(void (*body)(void *arg), void *arg, char *text, unsigned long size)
{
    int file = temporary_file();
    int saved = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    int status = in_child(body, arg, 5);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t length = pread(file, text, size - 1, 0);
    require(length >= 0);
    text[length] = '\0';
    return status;
}
