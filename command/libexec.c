/* SPDX-License-Identifier: MIT
 *
 * libexec.c - see libexec.h.
 */
#include "libexec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_there(const char *name, char *ret, size_t size, const char *folder, const char *way)
{
    int length = snprintf(ret, size, "%s%s/%s", folder, way, name);
    return length > 0 && (size_t)length < size && access(ret, X_OK) == 0;
}

/* Beside the program where it has not been installed; where it has, by the way from the program,
 * so that the tree may be moved, or as it was configured. */
bool libexec_find(const char *name, char *ret, size_t size)
{
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (length > 0) {
        folder[length] = '\0';
        *strrchr(folder, '/') = '\0';
        if (is_there(name, ret, size, folder, "") ||
            is_there(name, ret, size, folder, "/../" FINI_LIBEXEC_FROM_BIN))
            return true;
    }
    return is_there(name, ret, size, FINI_LIBEXECDIR, "");
}
