/* SPDX-License-Identifier: MIT
 *
 * A static program that opens a library all the same, and closes it under a hold. Ends with 0 where
 * the image does what fini_hold said, 77 where it cannot be opened.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "member.h"

static bool is_mapped(const char *path)
{
    char line[8192];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps))
        found |= strstr(line, path) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    struct fini_hold hold = FINI_HOLD_INIT;
    void *handle = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    const struct member *m = handle ? dlsym(handle, "member") : NULL;
    if (!m)
        return 77;
    if (m->traits() & (FINI_IN_PROGRAM | FINI_AT_STARTUP))
        return 1;
    int error = m->hold(&hold);
    dlclose(handle);
    return is_mapped(argv[1]) == (error == FINI_OK) ? 0 : 2;
}
