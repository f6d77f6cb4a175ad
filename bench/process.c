/* SPDX-License-Identifier: MIT
 *
 * Images and fresh processes, for the files that measure.
 *
 * Decides: that a fresh process is the bench executed again, and not a fork of one that has
 * already loaded and touched what is measured; it tells its numbers through a pipe.
 * Leaves to others: what is done there.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

void give_up(const char *what)
{
    perror(what);
    exit(1);
}

const char *beside(const char *name)
{
    static char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - strlen(name) - 2);
    if (length <= 0)
        give_up("/proc/self/exe");
    path[length] = '\0';
    strcpy(strrchr(path, '/') + 1, name);
    return path;
}

bool is_beside(const char *name)
{
    return access(beside(name), R_OK) == 0;
}

void *open_image(const char *path)
{
    void *image = dlopen(path, RTLD_NOW);
    if (!image) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return image;
}

void *symbol_of(void *image, const char *name)
{
    void *symbol = dlsym(image, name);
    if (!symbol)
        give_up(name);
    return symbol;
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    ssize_t got;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (in < 0 || out < 0)
        give_up(to);
    while ((got = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)got) != got)
            give_up(to);
    close(in);
    close(out);
}

const char *copy_path(const char *folder, int n)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%d.so", folder, n);
    return path;
}

void copies_make(struct copies *c, const char *image, int count)
{
    c->count = count;
    strcpy(c->folder, P_tmpdir "/fini-bench-XXXXXX");
    if (!mkdtemp(c->folder))
        give_up("mkdtemp");
    for (int n = 0; n < count; n++)
        copy_file(beside(image), copy_path(c->folder, n));
}

void copies_remove(const struct copies *c)
{
    for (int n = 0; n < c->count; n++)
        unlink(copy_path(c->folder, n));
    rmdir(c->folder);
}

/* ---- fresh processes ------------------------------------------------------------------------- */

static void become(const char *part, const char *path, int count, const int ends[2])
{
    char name[32], number[32];
    snprintf(name, sizeof name, "@%s", part);
    snprintf(number, sizeof number, "%d", count);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl("/proc/self/exe", "bench", name, path, number, (char *)NULL);
    _exit(127);
}

struct told ask(const char *part, const char *path, int count)
{
    struct told told = {.used = 0};
    struct rusage usage;
    int ends[2], status;
    if (pipe(ends) != 0)
        give_up("pipe");
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0)
        become(part, path, count, ends);
    close(ends[1]);
    wait4(child, &status, 0, &usage);
    told.used = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    if (read(ends[0], told.number, sizeof told.number) <= 0 || status != 0)
        give_up(part);
    close(ends[0]);
    return told;
}

void tell(double number)
{
    if (write(STDOUT_FILENO, &number, sizeof number) != sizeof number)
        give_up("write");
}
