/* SPDX-License-Identifier: MIT
 *
 * library.h - what the program sees of each of its libraries.
 *
 * Decides: what a library can be asked, and what it calls back.
 * Leaves to others: what that shows. A library says nothing itself: its finalizer, handler and
 * destructors call functions of the program, so that an experiment stands in one place.
 */
#ifndef CONFORMANCE_LIBRARY_H
#define CONFORMANCE_LIBRARY_H

#ifdef _WIN32
#define LIBRARY_EXPORT __declspec(dllexport)
#define LIBRARY_CALL __stdcall /* what Windows expects of a fiber-local callback */
#else
#define LIBRARY_EXPORT __attribute__((visibility("default")))
#define LIBRARY_CALL
#endif

struct face {
    const char *name;

    /* Functions of the program, or NULL. */
    void (*on_finalizer)(struct face *);
    void (*on_handler)(struct face *);
    void (*on_value)(struct face *);
    void (*on_fork)(struct face *);
    void (*on_part)(struct face *, const char *part, void *reserved); /* of its end */

    /* Its functions, to be handed to others. */
    void (*handler)(void);
    void (LIBRARY_CALL *value)(void *);
    void (*body)(void *);           /* a thread's: calls the pointer to function that it is given */

    /* What it does itself; 0, or -1 where the system has no such thing. */
    int (*register_handler)(void);
    int (*register_for)(void (*fn)(void)); /* somebody else's function in its own list */
    int (*register_value)(void);           /* a thread_local object's destructor */
    int (*register_fork)(void);
    int (*mark)(void);                     /* an exit handler in nobody's list sets `marked` */
    void (*touch)(void);                   /* its own thread_local variable */

    int marked;
    int count;                             /* of nothing: the experiment changes it */
};

/* Environment of a load: an address of void (*)(struct face *), called by the constructor. */
#define LIBRARY_ON_LOAD "FC_ON_LOAD"
/* What the start-up library does in its constructor: "mark", or "open" a plugin and mark there. */
#define LIBRARY_STARTUP "FC_STARTUP"
#define LIBRARY_PLUGIN "FC_PLUGIN" /* the plugin's path, for "open" */

/* Each library exports fc_face_NAME. */
typedef struct face *face_fn(void);

#endif
