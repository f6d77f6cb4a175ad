/* SPDX-License-Identifier: MIT
 *
 * trace_model.h - what is known of the traced program, from one event to the next.
 *
 * Decides what an event means, and hands over notes. Leaves showing them to trace_show_*.c.
 */
#ifndef COMMAND_TRACE_MODEL_H
#define COMMAND_TRACE_MODEL_H

#include <sys/types.h>

#include "findings.h"
#include "trace_images.h"
#include "trace_stacks.h"

enum note_kind {
    NOTE_LOAD,          /* image; text: who asked for it */
    NOTE_UNLOAD,        /* image: its finalizers have run; text: who asked for it */
    NOTE_STAYS,         /* image: a dlclose that did not unload it; text: whose */
    NOTE_FINALIZED,     /* image: at exit */
    NOTE_THREAD,        /* thread; text: its first function, and whose */
    NOTE_THREAD_ENDS,
    NOTE_EXIT,          /* text: who called exit(), or main has returned */
    NOTE_FINDING,       /* finding, image or NULL; text: evidence; perhaps a stack */
    NOTE_CRASH,         /* text: signal and address; a stack */
    NOTE_EXEC,          /* another program begins in the process; text: why it is not traced */
    NOTE_END            /* text: how the program ended */
};

struct note {
    enum note_kind kind;
    uint64_t time;              /* since the program began, nanoseconds */
    int thread;
    int image;                  /* -1: none */
    enum finding finding;
    const char *text;           /* may be "" */
    const struct stack *stack;  /* NULL: none */
};

struct event {
    uint32_t type, thread;
    uint64_t time;
    uint64_t word[6];
    const char *text;           /* ends in a zero byte, beyond its length */
    size_t length;
};

struct model;
typedef void note_fn(struct model *model, const struct note *note);

/* What libc will call, or has on a thread's stack. */
enum pointer_kind {
    POINTER_KEY, POINTER_HANDLER, POINTER_FORK_HANDLER, POINTER_SIGNAL, POINTER_CALLBACK,
    POINTER_LOCAL, POINTER_THREAD, POINTER_INSIDE
};

struct pointer {
    enum pointer_kind kind;
    uint64_t number;            /* of a key or signal; what a callback hangs on */
    uint64_t owner;             /* an address in the image that it goes with, or 0 */
    int thread;
    struct place function, creator;
    char what[16];              /* kind of a callback */
    bool dangling;              /* the function's image has gone */
};

struct pointers {
    struct pointer *list;
    size_t count, room;
};

/* One for each thread that has loaded or unloaded something. */
struct loading {
    int thread;
    unsigned unloading;         /* calls of dlclose that it is in, */
    uint64_t since;             /* and when the outermost began */
    struct place opener, closer;
    uint64_t mode;
    char opens[80];             /* the file that it has asked for last; "": none, or it is there */
};

struct model {
    pid_t process;
    note_fn *show;
    uint64_t begin;             /* time of the first event */
    struct images images;
    struct pointers pointers;
    struct loading *loading;
    size_t loading_count;
    int exiting;                /* the thread; 0: none is */
    size_t findings;            /* more than notes */
    bool connected;
    uint64_t looked;            /* nanoseconds that threads have been looked at */
    size_t not_looked;          /* times that threads were not looked at: cost, number, refusal */
};

void model_event(struct model *model, const struct event *event);
void model_end(struct model *model, uint64_t time, const char *how);
void model_free(struct model *model);

/* As `SIGSEGV`. glibc tells that since 2.32 only. */
const char *model_signal(uint64_t number);

/* ---- between the files of the model ---------------------------------------------------------- */

void model_note(struct model *model, const struct note *note);
void model_find(struct model *model, const struct event *event, int image, enum finding finding,
                const struct stack *stack, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* trace_left.c: what points into images. */
void left_add(struct model *model, const struct pointer *pointer);
void left_remove(struct model *model, enum pointer_kind kind, uint64_t number);
void left_finalize(struct model *model, uint64_t owner);
void left_thread_ends(struct model *model, int thread);
/* looked: what threads have on their stacks has been told. */
void left_unload(struct model *model, const struct event *event, int image, bool looked);
void left_describe(struct model *model, const struct pointer *pointer, char *ret, size_t size);
/* What leads a thread to an address in an image that has gone; NULL: not known. */
const struct pointer *left_leads_to(const struct model *model, uint64_t address, int image,
                                    int thread);

/* trace_stays.c: why a dlclose did not unload. */
void stays_explain(struct model *model, const struct event *event, int image);

/* trace_inside.c: threads that are in images; crashes. False: not all could be looked at. */
bool inside_unload(struct model *model, const struct event *event, int image);
void inside_exit(struct model *model, const struct event *event, int image);
void inside_crash(struct model *model, const struct event *event);

#endif
