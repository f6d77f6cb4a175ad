/* SPDX-License-Identifier: MIT
 *
 * leak_host PLUGIN TIMES [keep]: loads the plugin so many times, lets it work, unloads it; with
 * `keep` the last one stays until exit(). Decides nothing: a leak checker does.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *load(const char *path)
{
    void (*work)(void);
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        exit(3);
    }
    *(void **)&work = dlsym(plugin, "plugin_work");
    work();
    return plugin;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int times = atoi(argv[2]); times > 0; times--) {
        void *plugin = load(argv[1]);
        if ((times > 1 || argc == 3) && dlclose(plugin) != 0)
            return 4;
    }
    return 0;
}
