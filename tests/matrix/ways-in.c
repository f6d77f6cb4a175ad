/* SPDX-License-Identifier: MIT
 *
 * ways-in.c - the ways in: how the plugin gets into the process.
 *
 * Leaves to others: when (host.c), what is right (matrix.c).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "host.h"

const char image_file[] = "/plugin.so";

static char *beside(const char *name)
{
    static __thread char path[PATH_MAX];
    strcpy(path, (const char *)getauxval(AT_EXECFN));
    strcpy(strrchr(path, '/') + 1, name);
    return path;
}

static void *need(void *found)
{
    if (!found) {
        line("dlerror: %s", dlerror());
        _exit(98);
    }
    return found;
}

static void opened(void *handle)
{
    image.handles[image.opened++] = need(handle);
    image.api = need(dlsym(handle, "plugin_api"));
    if (!is_mapped())
        line("not mapped");
}

void close_image(void)
{
    if (image.kept)
        *image.kept = NULL;
    while (image.opened > image.keep)
        dlclose(image.handles[--image.opened]);
}

void sweep(void)
{
    if (dlopen(beside("broken.so"), RTLD_NOW))
        line("broken.so was loaded");
}

/* ---- the ways -------------------------------------------------------------------------------- */

static void open_it(void)
{
    opened(dlopen(beside("plugin.so"), RTLD_NOW));
}

static void *open_run(void *arg)
{
    open_it();
    return arg;
}

static void open_in_thread(void)
{
    run_in_thread(open_run);
}

static void open_dependent(void)
{
    opened(dlopen(beside("needs.so"), RTLD_NOW));
}

#ifdef LM_ID_NEWLM
static void open_in_namespace(void)
{
    opened(dlmopen(LM_ID_NEWLM, beside("plugin.so"), RTLD_NOW));
}
#endif

static void open_twice(void)
{
    open_it();
    open_it();
}

static void open_twice_keep_one(void)
{
    open_twice();
    image.keep = 1;
}

static void open_again(void)
{
    open_it();
    close_image();
    if (is_mapped())
        line("still mapped");
    open_it();
}

/* ---- the new one beside the old one ---------------------------------------------------------- */

static void copy_file(const char *from, int to)
{
    char bytes[65536];
    ssize_t n;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)n) != n)
            _exit(97);
    close(fd);
    close(to);
}

static void open_copy(void)
{
    char path[PATH_MAX];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.4000s/matrix-XXXXXX", dir ? dir : "/tmp");
    copy_file(beside("plugin.so"), mkstemp(path));
    strcpy(image.name, strrchr(path, '/'));
    opened(dlopen(path, RTLD_NOW));
    unlink(path);
}

static void open_copy_close_old(void)
{
    open_it();
    void *old = image.handles[--image.opened];
    open_copy();
    dlclose(old);
}

/* ---- krb5's shape ---------------------------------------------------------------------------- */

static void open_by_dependency(void)
{
    void *keeper = need(dlopen(beside("keeper.so"), RTLD_NOW));
    void *(*open_plugin)(const char *);
    *(void **)&open_plugin = need(dlsym(keeper, "keeper_open"));
    strcpy(image.name, "/kept.so");
    image.kept = need(dlsym(keeper, "keeper_handle"));
    opened(open_plugin(beside("kept.so")));
}

const struct way_in ways_in[] = {
    /* The loader has done it; this is only one more handle. */
    {"startup", IN_MAIN, open_it},
    {"preload", IN_MAIN, open_it},
    {"dlopen", IN_MAIN, open_it},
    {"dlopen-beside-another", IN_MAIN, open_it},
    {"dlopen-thread", IN_MAIN, open_in_thread},
    {"dlopen-startup-constructor", IN_STARTUP_CONSTRUCTOR, open_it},
    {"dlopen-constructor", IN_CONSTRUCTOR, open_it},
    {"dlopen-atexit", IN_ATEXIT, open_it},
    {"dependency", IN_MAIN, open_dependent},
#ifdef LM_ID_NEWLM
    {"dlmopen", IN_MAIN, open_in_namespace},
#endif
    {"twice", IN_MAIN, open_twice},
    {"twice-one-kept", IN_MAIN, open_twice_keep_one},
    {"reload", IN_MAIN, open_again},
    {"reload-beside", IN_MAIN, open_copy_close_old},
    {"by-dependency", IN_MAIN, open_by_dependency},
    {"by-startup-dependency", IN_MAIN, open_by_dependency},
    {NULL, IN_MAIN, NULL},
};
