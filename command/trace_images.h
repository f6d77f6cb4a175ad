/* SPDX-License-Identifier: MIT
 *
 * trace_images.h - what has been loaded into the traced program, and what an address in it is
 * called: also when it has gone.
 */
#ifndef COMMAND_TRACE_IMAGES_H
#define COMMAND_TRACE_IMAGES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An address, and whose it was when it was seen; image: -1 nobody's. */
struct place {
    int image;
    uint64_t address;
};

struct loaded {
    uint64_t map, begin, end;   /* the link map; where it lies */
    uint64_t flags;             /* AGENT_STARTUP and so on */
    uint64_t since, until;      /* until: 0 while it is there */
    char *path, *soname;
    char *file;                 /* where that is, if not in our folder; NULL: it serves */
    uint64_t inode, changed;    /* of the file that was loaded */
    char **needed;              /* ended by NULL */
    unsigned opened, closed;    /* calls that have been seen */
    struct place opener;        /* who opened it last */
    bool finalized;             /* by exit() */
    bool owns_handlers;         /* it has registered exit handlers */
    bool stays_by_file;         /* its file has been read for reasons to stay */
    Dwfl *symbols;              /* NULL: not open, or another load of the file has it */
};

struct images {
    struct loaded *list;
    size_t count, room;
    size_t first;               /* the program itself; those before are of another one */
    int *live;                  /* those that are there, oldest first */
    size_t live_count;
};

/* Its number; text as in AGENT_LOAD. */
int images_add(struct images *images, const struct loaded *image, pid_t process, const char *text,
               size_t length);
void images_gone(struct images *images, int image, uint64_t when);
/* -1: none. The first is one that is there, the second one that has gone and in whose place there
 * is none now. */
int images_at(const struct images *images, uint64_t address);
int images_gone_at(const struct images *images, uint64_t address);
int images_of_map(const struct images *images, uint64_t map);
/* As dlopen would find it again. */
int images_named(const struct images *images, const char *name);
bool images_needs(const struct loaded *who, const struct loaded *what);
void images_free(struct images *images);

struct place images_place(const struct images *images, uint64_t address);
/* `function of libx.so`, or the address within it. */
void images_name(struct images *images, struct place place, char *ret, size_t size);
/* The file's name without its folder. */
const char *images_short(const struct loaded *image);
/* Where it can be read; "": it is another file by now. */
const char *images_file(const struct loaded *image);

#endif
