/* SPDX-License-Identifier: MIT
 *
 * files.c - see files.h.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "text.h"

static void append(struct files *files, const char *path, bool named)
{
    if ((files->count & (files->count - 1)) == 0) {
        size_t room = files->count ? files->count * 2 : 1;
        files->list = realloc(files->list, room * sizeof *files->list);
    }
    char *copy = strdup(path);
    if (!files->list || !copy) {
        text_error(NULL, "no memory");
        exit(2);
    }
    files->list[files->count++] = (struct file){copy, named};
}

/* What cannot be opened may be one, and is said when it is read; not so what has just gone. */
static bool may_be_image(const char *path)
{
    char beginning[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, beginning, sizeof beginning);
    bool gone = length < 0 && errno == ENOENT;
    if (fd >= 0)
        close(fd);
    return length < 0 ? !gone :
           image_format_of(beginning, (size_t)length) != FORMAT_UNKNOWN;
}

static void fail(struct files *files, const char *subject, const char *why)
{
    text_error(subject, "%s", why);
    files->failed = true;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void look_at(struct files *files, const FTSENT *entry)
{
    if (entry->fts_info == FTS_F && may_be_image(entry->fts_path))
        append(files, entry->fts_path, false);
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
        fail(files, entry->fts_path, strerror(entry->fts_errno));
}

/* NULL and errno 0: there is no more. */
static FTSENT *next(FTS *walk)
{
    errno = 0;
    return fts_read(walk);
}

static void add_folder(struct files *files, const char *path)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    for (FTSENT *entry; walk && (entry = next(walk));)
        look_at(files, entry);
    if (!walk || errno)
        fail(files, path, strerror(errno));
    if (walk)
        fts_close(walk);
}

/* What is not there is found out when it is read, and has its place in the report. */
static void add_path(struct files *files, const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        add_folder(files, path);
    else
        append(files, path, true);
}

static void take_name(struct files *files, char *name, size_t length)
{
    name[length] = '\0';
    if (length)
        add_path(files, name);
}

/* The end of a name is looked for no farther than a path can be long: input may have none. */
static void add_from_input(struct files *files, int separator)
{
    char name[PATH_MAX];
    size_t length = 0;
    for (int c; (c = getc(stdin)) != EOF;) {
        if (c == separator) {
            take_name(files, name, length);
            length = 0;
        } else if (c == '\0' || length == sizeof name - 1) {
            fail(files, "standard input", c ? "a name is too long" :
                                              "names end in zero bytes: --null");
            return;
        } else {
            name[length++] = (char)c;
        }
    }
    if (ferror(stdin))
        fail(files, "standard input", strerror(errno));
    take_name(files, name, length);
}

void files_add(struct files *files, const char *argument, bool zero_bytes)
{
    if (strcmp(argument, "-") == 0)
        add_from_input(files, zero_bytes ? '\0' : '\n');
    else
        add_path(files, argument);
}

void files_free(struct files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->list[i].path);
    free(files->list);
}
