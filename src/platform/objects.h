/* SPDX-License-Identifier: MIT
 *
 * What the loader has loaded.
 *
 * Decides: how an address becomes an object, and a function of libc or ld.so a landmark
 * (objects.c). Leaves to others: the walk up the stack (stack.c), the tables' format (unwind.c).
 */
#ifndef FINI_OBJECTS_H
#define FINI_OBJECTS_H

#include <link.h>

#include "unwind.h"

struct fini__object {
    const struct link_map *map;      /* NULL: none */
    struct fini__unwind_table table; /* its header is NULL in an object without tables */
};

/* Functions whose frames tell something. CATCHES stands around every load and unload, also where
 * libc itself unloads (NSS, iconv) without going through dlclose. */
enum fini__landmark {
    FINI__NO_LANDMARK, FINI__UNLOADS, FINI__EXITS, FINI__CATCHES, FINI__ALLOCATES
};

/* False in a static program: it has no loader, or one that has loaded nothing. */
FINI_INTERNAL bool fini__has_loader(void);

/* The object around an address. Else false, and `ret` has no map. */
FINI_INTERNAL bool fini__object_at(uintptr_t address, struct fini__object *ret);
FINI_INTERNAL bool fini__object_has(const struct fini__object *object, uintptr_t address);

/* The one of this image itself. Before 2.35 whoever asks waits for the loader's lock, which an
 * unload holds while it waits for a worker, which may ask: so the constructor asks for all. */
FINI_INTERNAL bool fini__own_object(struct fini__object *ret);
FINI_INTERNAL void fini__note_own_object(void);

FINI_INTERNAL bool fini__is_loader(const struct link_map *map);
FINI_INTERNAL bool fini__is_program(const struct link_map *map);

/* Never unloaded: ld.so, the program, its libc. */
FINI_INTERNAL bool fini__is_immortal(const struct link_map *map);

/* ld.so, or the object that this image calls libc. */
FINI_INTERNAL bool fini__is_libc(const struct link_map *map);

/* Not in one that dlmopen has made, where libc and all else are second copies. */
FINI_INTERNAL bool fini__in_main_namespace(void);

/* The object that this image calls libc. */
FINI_INTERNAL bool fini__own_libc(struct fini__object *ret);

FINI_INTERNAL enum fini__landmark fini__landmark_at(const struct link_map *map,
                                                    uintptr_t function);

/* A function of this object, by name: where it begins, and its size. 0: it has none. */
FINI_INTERNAL uintptr_t fini__function_in(const struct link_map *map, const char *name,
                                          uintptr_t *ret_size);

/* The same in what the program was started with, in the main namespace; and for anything else that
 * has a name. */
FINI_INTERNAL uintptr_t fini__main_function(const char *name, uintptr_t *ret_size);
FINI_INTERNAL uintptr_t fini__main_symbol(const char *name, uintptr_t *ret_size);

typedef void fini__code(void);
FINI_INTERNAL fini__code *fini__main_code(const char *name);

/* The same in this image's own namespace. */
FINI_INTERNAL fini__code *fini__own_code(const char *name);

/* dlopen and the like look at who calls, so that those of any namespace will do. Before glibc 2.34
 * they are in libdl, which this image's may lack. */
FINI_INTERNAL fini__code *fini__loader_code(const char *name);

/* The object has functions that allocate, and is not the program, a libc or the run-time library of
 * a sanitizer, which have much else: any of its functions may be part of them, or one that they
 * have jumped to. */
FINI_INTERNAL bool fini__is_allocator(const struct link_map *map);

/* The object is a libc, and the address is in its malloc, or near by: malloc and free can jump to
 * functions that have no name. */
FINI_INTERNAL bool fini__is_in_malloc(const struct link_map *map, uintptr_t address);

/* One of the object's .fini_array functions begins at this address. */
FINI_INTERNAL bool fini__is_finalizer(const struct link_map *map, uintptr_t function);

/* What it is linked as; NULL: it has no such name. */
FINI_INTERNAL const char *fini__soname(const struct link_map *map);

/* Linked with -z nodelete. */
FINI_INTERNAL bool fini__is_nodelete(const struct link_map *map);

#endif
