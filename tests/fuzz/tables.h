/* SPDX-License-Identifier: MIT
 *
 * The unwind tables of this process's images.
 */
#ifndef TABLES_H
#define TABLES_H

#include <limits.h>

#include "platform/unwind.h"

struct tables_image {
    char path[PATH_MAX];
    uintptr_t bias; /* address minus address in the file */
    struct fini__unwind_table table;
};

/* False: there is no such image. `part` is part of its file name; "" is the program. */
bool tables_find(const char *part, struct tables_image *ret);

#endif
