/* SPDX-License-Identifier: MIT
 *
 * pin_file.c - a file that is replaced as a whole or not at all.
 *
 * A library may be mapped by programs that run, so that it is never written in place: the new one
 * is written beside it, reaches the disk, and takes its name. Owner, mode and extended attributes
 * go with it; where they cannot, it is refused. Time stamps are new. A signal that ends us takes
 * what is not finished with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pin.h"

static const char *last_error(void)
{
    return strerror(errno);
}

static char *volatile unfinished;

static void remove_unfinished(int number)
{
    if (unfinished)
        unlink(unfinished);
    signal(number, SIG_DFL);
    raise(number);
}

static void guard(char *path)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    unfinished = path;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
            signal(numbers[i], remove_unfinished);
}

static const char *map(struct pin_file *file)
{
    if (fstat(file->fd, &file->info) < 0)
        return last_error();
    if (!S_ISREG(file->info.st_mode))
        return "not a file";
    if (file->info.st_size == 0)
        return "not an ELF file";
    file->size = (size_t)file->info.st_size;
    void *bytes = mmap(NULL, file->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file->fd, 0);
    if (bytes == MAP_FAILED)
        return last_error();
    file->bytes = bytes;
    return NULL;
}

const char *pin_file_open(const char *path, struct pin_file *ret)
{
    *ret = (struct pin_file){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (ret->fd < 0)
        return last_error();
    const char *error = map(ret);
    if (!error && fgetxattr(ret->fd, "security.ima", NULL, 0) > 0)
        return "it is signed (security.ima): the signature would no longer fit";
    return error;
}

static bool write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

static bool copy_attribute(int from, int to, const char *name)
{
    char value[4096];
    ssize_t length = fgetxattr(from, name, value, sizeof value);
    return length >= 0 && fsetxattr(to, name, value, (size_t)length, 0) == 0;
}

static bool copy_attributes(int from, int to)
{
    char names[4096];
    ssize_t length = flistxattr(from, names, sizeof names);
    if (length < 0)
        return errno == ENOTSUP;
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (!copy_attribute(from, to, name))
            return false;
    return true;
}

/* The mode last: chown takes set-id bits away. */
static bool copy_properties(const struct pin_file *file, int to)
{
    struct stat own;
    if (fstat(to, &own) < 0)
        return false;
    if ((own.st_uid != file->info.st_uid || own.st_gid != file->info.st_gid) &&
        fchown(to, file->info.st_uid, file->info.st_gid) < 0)
        return false;
    return copy_attributes(file->fd, to) && fchmod(to, file->info.st_mode & 07777) == 0;
}

static const char *fill(const struct pin_file *file, int fd)
{
    if (!write_all(fd, file->bytes, file->size))
        return last_error();
    if (file->replaced && !copy_properties(file, fd))
        return "its owner, mode or attributes cannot be kept: use --output";
    if (!file->replaced && fchmod(fd, file->info.st_mode & 0777) < 0)
        return last_error();
    return fsync(fd) == 0 ? NULL : last_error();
}

/* A name that is there stands for what it leads to, which may be the input. A device or a pipe
 * would be lost by taking its name. */
static const char *choose_place(struct pin_file *file, const char *place)
{
    struct stat info;
    bool there = stat(place, &info) == 0;
    if (there && !S_ISREG(info.st_mode))
        return "not a file";
    file->path = there ? realpath(place, NULL) : strdup(place);
    if (!file->path)
        return last_error();
    file->replaced = there && info.st_dev == file->info.st_dev && info.st_ino == file->info.st_ino;
    if (file->replaced && info.st_nlink > 1)
        return "it has other names (hard links), which would keep the old one: use --output";
    return NULL;
}

const char *pin_file_prepare(struct pin_file *file, const char *place)
{
    const char *error = choose_place(file, place);
    if (error)
        return error;
    if (asprintf(&file->new_path, "%s.XX" "XXXX", file->path) < 0) {
        file->new_path = NULL;
        return "no memory";
    }
    int fd = mkostemp(file->new_path, O_CLOEXEC);
    if (fd < 0) {
        free(file->new_path);
        file->new_path = NULL;
        return last_error();
    }
    guard(file->new_path);
    error = fill(file, fd);
    close(fd);
    return error;
}

static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *end = strrchr(folder, '/');
    if (end)
        end[end == folder] = '\0';
    int fd = open(end ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

const char *pin_file_commit(struct pin_file *file)
{
    if (rename(file->new_path, file->path) < 0)
        return last_error();
    unfinished = NULL;
    free(file->new_path);
    file->new_path = NULL;
    sync_folder(file->path);
    return NULL;
}

void pin_file_close(struct pin_file *file)
{
    if (file->bytes)
        munmap(file->bytes, file->size);
    if (file->fd >= 0)
        close(file->fd);
    if (file->new_path)
        unlink(file->new_path);
    unfinished = NULL;
    free(file->new_path);
    free(file->path);
}
