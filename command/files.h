/* SPDX-License-Identifier: MIT
 *
 * files.h - which files are meant by the arguments.
 */
#ifndef COMMAND_FILES_H
#define COMMAND_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct file {
    char *path;
    bool named;                 /* by itself, not found in a folder */
};

struct files {
    struct file *list;
    size_t count;
    bool failed;                /* a folder, or standard input, cannot be read; it has been said */
};

/* Adds a file, there or not; of a folder all that begins as an image does or cannot be read, links
 * not followed; or for `-` the names on standard input, one a line, or each before a zero byte. */
void files_add(struct files *files, const char *argument, bool zero_bytes);
void files_free(struct files *files);

#endif
