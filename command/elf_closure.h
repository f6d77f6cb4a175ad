/* SPDX-License-Identifier: MIT
 *
 * elf_closure.h - an image together with the libraries that it needs, as the loader finds them.
 *
 * Decides: which files those are, and which definition a reference of one of them gets, by glibc's
 * rules for a program that has nothing but libc. Leaves to elf_bind.c what follows for unloading.
 */
#ifndef COMMAND_ELF_CLOSURE_H
#define COMMAND_ELF_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "elf_search.h"
#include "elf_view.h"

enum { MEMBERS_MOST = 400, VERSIONS_MOST = 4096 };

struct elf_member {
    const struct elf_view *view;
    struct elf_view own;            /* of the first member it is the caller's */
    void *bytes;                    /* NULL: the caller's */
    const char *name;               /* without folder */
    char *path;
    struct elf_seeker seeker;       /* view and path once more, for the search */
    uint64_t device, inode;
    const uint32_t *hash;           /* the GNU hash table */
    size_t hash_words;
    const uint16_t *version_of;     /* for each symbol; NULL: no versions */
    const char *version[VERSIONS_MOST];
    size_t needs[MEMBERS_MOST], needs_count;
};

/* Member 0 is the image. The program's libc and loader are always members. */
struct elf_closure {
    struct elf_member *member[MEMBERS_MOST];
    size_t count;
    const char *missing, *missed_by;  /* the first library that is not found; NULL: none */
};

/* Whether it is the program's libc or loader, which are there before anything is opened. */
bool elf_closure_is_resident(const struct elf_member *member);

/* False where a library is missing, or is not of the kind that is understood: then nothing is
 * known of it. Close in both cases. */
bool elf_closure_open(const struct elf_view *view, const char *path, struct elf_closure *ret);
void elf_closure_close(struct elf_closure *closure);

/* Which member defines what symbol number `symbol` of a member refers to; and whether uniquely. */
bool elf_closure_lookup(const struct elf_closure *closure, const struct elf_member *from,
                        size_t symbol, size_t *ret_member, bool *ret_unique);

#endif
