/* SPDX-License-Identifier: MIT
 *
 * regular.c - see regular.h.
 */
#include "regular.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Looked at before, for a device's sake, and again, since the name may have got another file. */
int regular_open(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
