/* SPDX-License-Identifier: MIT
 *
 * member.h - what a test program can ask of the images in this folder.
 *
 * Decides: the table that member.c exports, and what an image tells of its end.
 * Leaves to others: when an image is to stay (the cases), whether it is there (host.h).
 */
#ifndef MAPPED_MEMBER_H
#define MAPPED_MEMBER_H

#include <stdatomic.h>

/* Which copy of libfini: see meson.build. */
#include MAPPED_HEADER

/* The host's memory: how the image ended. */
struct ending {
    atomic_int count; /* finalizations */
    int why;          /* fini_reason */
    int thread;       /* gettid */
};

/* Seen by who is inside the image, and by who is outside. */
struct visit {
    atomic_int inside, leave;
    int hold; /* HOLD_... */
    int error;
};
enum { HOLD_NOTHING, HOLD_FOR_THREAD };

struct member {
    unsigned (*traits)(void);
    int (*pin)(void);
    int (*hold)(struct fini_hold *hold);
    int (*release)(struct fini_hold *hold);
    int (*hold_for_thread)(void);
    int (*keep_put)(const char *name, const void *data, size_t size);
    int (*keep_get)(const char *name, void *ret_data, size_t *size);
    unsigned (*generation)(void);
    const char *(*error_text)(int error);
    void (*tell)(struct ending *ending);  /* where to write how it ended */
    void (*in_hook)(void (*act)(void));   /* in a hook of the image */
    void (*in_destructor)(void (*act)(void));
    void (*in_exit_handler)(void (*act)(void)); /* registered by this call, with atexit */
    void *(*visit)(void *visit);          /* code of the image, until told to leave */
};

/* What the image's constructor does, by the environment: MAPPED_CONSTRUCTOR=hold, pin, thread,
 * release, early. This is what it got. */
struct constructed {
    struct fini_hold hold;
    int error;
    unsigned generation;
    int early_keep, early_release; /* in a constructor that runs before libfini's own */
    unsigned early_generation;
};

#endif
