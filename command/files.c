/* SPDX-License-Identifier: MIT
 *
 * files.c - see files.h.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
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

static bool begins_as_image(const char *path)
{
    char beginning[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, beginning, sizeof beginning);
    if (fd >= 0)
        close(fd);
    return length > 0 && image_format_of(beginning, (size_t)length) != FORMAT_UNKNOWN;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void look_at(struct files *files, const FTSENT *entry)
{
    if (entry->fts_info == FTS_F && begins_as_image(entry->fts_path))
        append(files, entry->fts_path, false);
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
        text_error(entry->fts_path, "%s", strerror(entry->fts_errno));
        files->failed = true;
    }
}

static void add_folder(struct files *files, const char *path)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    for (FTSENT *entry; walk && (entry = fts_read(walk));)
        look_at(files, entry);
    if (walk)
        fts_close(walk);
}

static void add_path(struct files *files, const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0) {
        text_error(path, "%s", strerror(errno));
        files->failed = true;
    } else if (S_ISDIR(info.st_mode)) {
        add_folder(files, path);
    } else {
        append(files, path, true);
    }
}

static void add_from_input(struct files *files, int separator)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t length; (length = getdelim(&line, &room, separator, stdin)) > 0;) {
        if (line[length - 1] == separator)
            line[length - 1] = '\0';
        if (*line)
            add_path(files, line);
    }
    free(line);
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
