/* SPDX-License-Identifier: MIT
 *
 * host.c - the steps that the test programs of this folder share: opening plugins, and children
 * that may crash or hang.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
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

void *shared_memory(unsigned long size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED);
    return memory;
}

void nap(int microseconds)
{
    struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000L};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

static int wait_at_most(pid_t pid, int seconds)
{
    int status;
    for (long ms = 0; ms < seconds * 1000L; ms++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
        nap(1000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return HUNG;
}

int in_child(void (*body)(void *arg), void *arg, int seconds)
{
    pid_t pid = fork();
    require(pid >= 0);
    if (pid > 0)
        return wait_at_most(pid, seconds);
    body(arg);
    exit(0);
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
