/* SPDX-License-Identifier: MIT
 *
 * load.c - `load [-g] [-x] PLUGIN...`: opens plugins, closes them in the same order, and says so.
 * -g: RTLD_GLOBAL; -x: exits without closing.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *open_one(const char *path, int mode)
{
    void *handle = dlopen(path, mode);
    if (handle == NULL) {
        puts(dlerror());
        exit(1);
    }
    return handle;
}

static void close_one(void *handle)
{
    if (dlclose(handle) != 0)
        exit(1);
    puts("closed");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    void *handles[16];
    int mode = RTLD_NOW, first = 1, close = 1, n = 0;
    for (; first < argc && argv[first][0] == '-'; first++) {
        mode |= strcmp(argv[first], "-g") == 0 ? RTLD_GLOBAL : 0;
        close &= strcmp(argv[first], "-x") != 0;
    }
    for (int i = first; i < argc && n < 16; i++)
        handles[n++] = open_one(argv[i], mode);
    for (int i = 0; i < n && close; i++)
        close_one(handles[i]);
    return 0;
}
