/* SPDX-License-Identifier: MIT
 *
 * matrix.c - every way in times every way out, in one build variant (VARIANT), under each of the
 * conditions that the program is linked with (unconditional.c, tests/hostile).
 *
 * MATRIX_LINKED: the variant has the programs that the plugin is linked into.
 * MATRIX_STATIC_PIE: 0 where no static-pie can be linked.
 * MATRIX_TSAN: its hosts run under ThreadSanitizer.
 * MATRIX_NODELETE: its plugin is linked so that the loader never unloads it.
 * MATRIX_NEVER_UNLOADS: its loader never unloads anything.
 * MATRIX_ONE_LIST: its libc has one list of exit handlers, which all come before all finalizers of
 *     images that have been constructed; hooks have a place in it.
 * MATRIX_BARE: its plugin has no crtbegin, and so no exit handlers of its own.
 * MATRIX_NOTABLES: its plugin or its hosts have no unwind tables.
 * MATRIX_FINALIZES_AGAIN: its libc is older than the correction of BZ 30869 (in 2.39, and in later
 * packages of 2.36).
 * MATRIX_BY_MARK: its libc has no unwind tables, so that an unload during exit is told exit.
 * MATRIX_DESTRUCTOR_FIRST: a destructor of its plugin runs before the finalizer of libfini.
 * MATRIX_MARKED_BY_MAIN: on its processor other threads cannot tell that main has begun.
 * MATRIX_OPEN: only what is known to fail; all other programs are without it.
 * MATRIX_CORE: only some ways in, from each kind.
 * MATRIX_JUDGED: libfini does not say all; a judge sees to it that it says nothing wrong.
 *
 * Decides: which pairs make sense, and from the contract what has to come of each: the reason
 * that every hook and destructor is told, their order, whether the plugin is mapped afterwards,
 * and how the process ends. A case becomes the host program, so that the runner judges it.
 * Leaves to others: doing it (host.c and its ways), races (races.c).
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "libc.h"
#include "matrix.h"

/* Of ways in and out: such pairs come once more, and the plugin's exit handler asks fini_why(). */
enum { ASKS_TOO = 1 << 16 };

#ifndef MATRIX_OPEN
#define MATRIX_OPEN 0
#endif
#ifndef MATRIX_NOTABLES
#define MATRIX_NOTABLES 0
#endif
#ifndef MATRIX_CORE
#define MATRIX_CORE 0
#endif
#ifndef MATRIX_NODELETE
#define MATRIX_NODELETE 0
#endif
#ifndef MATRIX_MARKED_BY_MAIN
#define MATRIX_MARKED_BY_MAIN 0
#endif
#ifndef MATRIX_DESTRUCTOR_FIRST
#define MATRIX_DESTRUCTOR_FIRST 0
#endif
#ifndef MATRIX_BY_MARK
#define MATRIX_BY_MARK 0
#endif
#ifndef MATRIX_STATIC_PIE
#define MATRIX_STATIC_PIE 1
#endif
#ifndef MATRIX_NEVER_UNLOADS
#define MATRIX_NEVER_UNLOADS 0
#endif
#ifndef MATRIX_ONE_LIST
#define MATRIX_ONE_LIST 0
#endif
#ifndef MATRIX_BARE
#define MATRIX_BARE 0
#endif
#ifndef MATRIX_FINALIZES_AGAIN
#define MATRIX_FINALIZES_AGAIN 0
#endif
#ifndef MATRIX_ASAN
#define MATRIX_ASAN 0
#endif
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 14
#define SANITIZERS_OF_GCC_14 1
#else
#define SANITIZERS_OF_GCC_14 0
#endif
#ifndef MATRIX_JUDGED
#define MATRIX_JUDGED 0
void matrix_judge(void (*become)(void *), const void *pair, struct matrix_truth truth)
{
    (void)become, (void)pair, (void)truth;
}
#endif

/* ---- ways in --------------------------------------------------------------------------------- */

enum {
    RESIDENT = 1,      /* the loader never unloads it, or someone else keeps it open */
    LINKED = 2,        /* part of the program: nothing to open or close */
    STATIC = 4,        /* and no loader */
    AT_EXIT = 8,       /* comes when exit() has begun, and the way out is taken there */
    BEFORE_MAIN = 16,  /* comes before the loader's own exit handler is registered */
    IN_LOADER = 32,    /* its constructor runs in no place that exit() could end orderly from */
    OWN_LIBC = 64,     /* a dlmopen namespace: exit() does not know its handlers */
    RELOADED = 128,    /* an older copy has come and gone before */
    CORE = 256,        /* stands for its kind where there is no time for all */
    CLOSED_LATE = 512  /* its opener's finalizer closes it */
    /* and ASKS_TOO */
};

struct way_in {
    const char *name;
    const char *program; /* of the variant's directory */
    const char *preload; /* likewise; may be NULL */
    unsigned is;
};

static const struct way_in ways_in[] = {
    {"startup", "host-startup", NULL, RESIDENT | BEFORE_MAIN | ASKS_TOO | CORE},
    {"preload", "host", "plugin.so", RESIDENT | BEFORE_MAIN},
    {"dlopen", "host", NULL, ASKS_TOO | CORE},
    /* One more library with libfini, loaded at start-up, which shares the exit mark. */
    {"dlopen-beside-another", "host", "silent.so", 0},
    {"dlopen-thread", "host", NULL, 0},
    {"dlopen-startup-constructor", "host", "early.so", BEFORE_MAIN | CORE},
    {"dlopen-constructor", "host", NULL, 0},
    {"dlopen-atexit", "host", NULL, AT_EXIT | CORE},
    {"dependency", "host", NULL, 0},
    {"dlmopen", "host", NULL, OWN_LIBC | CORE},
    {"twice", "host", NULL, 0},
    {"twice-one-kept", "host", NULL, RESIDENT},
    {"reload", "host", NULL, RELOADED | CORE},
    {"reload-beside", "host", NULL, RELOADED},
    {"by-dependency", "host", NULL, CORE | CLOSED_LATE},
    {"by-startup-dependency", "host", "keeper.so", CLOSED_LATE},
    {"linked", "linked", NULL, RESIDENT | LINKED | CORE},
    {"linked-nopie", "linked-nopie", NULL, RESIDENT | LINKED},
    {"linked-static", "linked-static", NULL, RESIDENT | LINKED | STATIC | CORE},
    {"linked-static-pie", "linked-static-pie", NULL, RESIDENT | LINKED | STATIC},
};

/* ---- ways out -------------------------------------------------------------------------------- */

enum kind {
    CLOSES,            /* at once */
    CLOSES_AT_EXIT,    /* in an exit handler */
    EXITS,             /* main returns, or the way out ends in exit() */
    EXITS_IN_HOOK,     /* the way out closes, and the first hook calls exit() */
    EXITS_IN_CHILD,    /* a forked child comes first; then main returns */
    CLOSES_IN_CHILD,   /* likewise */
    DIES               /* without exit(): nothing may run */
};

enum {
    RETURNS = 1,       /* the way out returns to the host */
    LOADER = 2,        /* needs dlopen, or a handle */
    EARLY_LIBRARY = 4, /* needs early.so */
    OLDER = 8,         /* the exit handler is older than the plugin */
    SAYS_CLOSED = 16,  /* looks at the map in the exit handler, too */
    BY_SWEEP = 32,     /* closed first while a thread holds it, unmapped by a failing dlopen */
    IN_THREAD = 64,    /* not the thread that exits */
    FROM_IMAGE = 128,  /* exit() is called by the image itself */
    AS_IT_COMES = 256, /* in its constructor */
    ENDS_MAIN = 512,   /* by pthread_exit */
    NESTED = 1024,     /* inside another dlclose */
    VERY_LAST = 2048,  /* if older than the loader's finalizer, it also comes after it */
    NOT_UNDER_TSAN = 8192, /* which delays signals, and dies when main has ended */
    RAISES = 16384,    /* a signal, to itself */
    VFORKS = 32768,
    EXITS_TOO = 1 << 19, /* in a second thread, where the first is in exit() */
    BY_FINALIZER = 1 << 17, /* calls exit() in another library's finalizer, when that is closed */
    INSIDE = 1 << 18,  /* another thread is in the plugin to the end */
};

struct way_out {
    const char *name;
    enum kind kind;
    unsigned is;
    int signal;
};

static const struct way_out ways_out[] = {
    {"dlclose", CLOSES, RETURNS | LOADER | ASKS_TOO, 0},
    {"dlclose-thread", CLOSES, RETURNS | LOADER | IN_THREAD, 0},
    {"dlclose-constructor", CLOSES, RETURNS | LOADER, 0},
    {"dlclose-finalizer", CLOSES, RETURNS | LOADER | NESTED, 0},
    {"failing-dlopen", CLOSES, RETURNS | LOADER | BY_SWEEP, 0},
    {"dlclose-older-atexit", CLOSES_AT_EXIT, RETURNS | LOADER | OLDER | SAYS_CLOSED, 0},
    {"dlclose-older-on-exit", CLOSES_AT_EXIT,
     RETURNS | LOADER | OLDER | SAYS_CLOSED | VERY_LAST, 0},
    {"dlclose-newer-atexit", CLOSES_AT_EXIT, RETURNS | LOADER | SAYS_CLOSED | ASKS_TOO, 0},
    {"dlclose-thread-older-atexit", CLOSES_AT_EXIT,
     RETURNS | LOADER | OLDER | SAYS_CLOSED | IN_THREAD, 0},
    {"dlclose-finalizer-atexit", CLOSES_AT_EXIT, RETURNS | LOADER | NESTED, 0},
    {"failing-dlopen-atexit", CLOSES_AT_EXIT, RETURNS | LOADER | BY_SWEEP, 0},
    {"dlclose-older-finalizer", EXITS, RETURNS | LOADER, 0},
    {"dlclose-newer-finalizer", EXITS, RETURNS | LOADER, 0},
    {"dlclose-startup-finalizer", EXITS, RETURNS | LOADER | EARLY_LIBRARY, 0},
    {"dlclose-finalizer-while-inside", EXITS, RETURNS | LOADER | EARLY_LIBRARY | INSIDE, 0},
    {"return", EXITS, RETURNS | ASKS_TOO, 0},
    {"return-while-inside", EXITS, RETURNS | INSIDE, 0},
    {"exit", EXITS, 0, 0},
    {"exit-thread", EXITS, EXITS_TOO | INSIDE, 0},
    {"exit-signal", EXITS, RAISES, 0},
    {"exit-interrupt", EXITS, NOT_UNDER_TSAN, 0},
    {"exit-constructor", EXITS, LOADER, 0},
    {"exit-finalizer", EXITS, LOADER | BY_FINALIZER, 0},
    {"exit-own-function", EXITS, FROM_IMAGE, 0},
    {"exit-own-constructor", EXITS, FROM_IMAGE | AS_IT_COMES, 0},
    {"exit-hook", EXITS_IN_HOOK, LOADER | FROM_IMAGE, 0},
    {"pthread-exit", EXITS, ENDS_MAIN | NOT_UNDER_TSAN, 0},
    {"pthread-exit-last", EXITS, ENDS_MAIN | NOT_UNDER_TSAN, 0},
    {"exit-forked", EXITS_IN_CHILD, RETURNS, 0},
    {"dlclose-forked", CLOSES_IN_CHILD, RETURNS | LOADER, 0},
    {"exit-vforked", EXITS, RETURNS | VFORKS, 0},
    {"quick-exit", DIES, 0, 0},
    {"_exit", DIES, 0, 0},
    {"abort", DIES, RAISES, SIGABRT},
    {"fatal-signal", DIES, RAISES, SIGTERM},
};

/* The one that names are given for. */
static const struct matrix_condition *under;

/* ---- which pairs make sense ------------------------------------------------------------------ */

static bool makes_sense(const struct way_in *in, const struct way_out *out)
{
    if (in->is & LINKED && out->is & LOADER)
        return false;
    /* exit() of a namespace's own libc does not reach the loader: nothing is finalized. */
    if (in->is & OWN_LIBC && out->is & FROM_IMAGE)
        return false;
    /* Before the loader has registered its finalizer, exit() runs none. Reloads come twice. */
    if (out->is & AS_IT_COMES && in->is & (BEFORE_MAIN | RELOADED))
        return false;
    /* The main thread is inside exit(): it cannot end otherwise. */
    if (in->is & AT_EXIT && out->is & ENDS_MAIN)
        return false;
    /* A finalizer comes at exit, and libc does not let it call that again. */
    if (MATRIX_NEVER_UNLOADS && out->is & BY_FINALIZER)
        return false;
    /* What only stays mapped after FINI_EXIT if libfini can see to it. */
    if (MATRIX_JUDGED && out->is & INSIDE && (in->is & CLOSED_LATE || out->is & LOADER))
        return false;
    /* Where there is one list there is no on_exit, and no dlmopen. */
    return !(MATRIX_ONE_LIST && (out->is & VERY_LAST || in->is & OWN_LIBC));
}

/* ---- what the contract says ------------------------------------------------------------------ */

enum reason { UNLOAD, UNLOAD_AT_EXIT, EXIT };

/* Does the loader unmap it, once the way out has closed it? */
static bool is_unmapped(const struct way_in *in, const struct way_out *out)
{
    if (in->is & RESIDENT || MATRIX_NODELETE || MATRIX_NEVER_UNLOADS)
        return false;
    /* The handler comes when the loader finalizes everything, and unmaps nothing in between. */
    if (in->is & BEFORE_MAIN && out->is & OLDER)
        return false;
    /* The namespace's libc does not see this thread end; an inner dlclose leaves the unmapping to
     * the outer one, which only looks at its own namespace. */
    if (in->is & OWN_LIBC && out->is & (BY_SWEEP | NESTED))
        return false;
    return true;
}

/* glibc 2.31 constructs what is preloaded before it in spite of -z initfirst, by which the
 * condition is imposed (seen). */
static bool has_record_before(const struct way_in *in)
{
    return glibc_is_before(34) && strcmp(in->name, "dlopen-beside-another") == 0;
}

static enum reason expected(const struct way_in *in, const struct way_out *out)
{
    bool closes = out->kind != EXITS && is_unmapped(in, out);
    if (!closes)
        return EXIT;
    if (MATRIX_BY_MARK && in->is & BEFORE_MAIN) /* the mark has not been set: in doubt, too */
        return UNLOAD_AT_EXIT;
    if (MATRIX_MARKED_BY_MAIN && strcmp(in->name, "dlopen-thread") == 0 && out->is & IN_THREAD)
        return UNLOAD; /* no mark, and exit() is on another thread's stack */
    if (in->is & AT_EXIT)
        return UNLOAD_AT_EXIT;
    if (under->is & CONDITION_NO_PAGES && out->is & IN_THREAD && !has_record_before(in))
        return UNLOAD; /* likewise: there is no memory for the mark */
    return out->kind == CLOSES_AT_EXIT ? UNLOAD_AT_EXIT : UNLOAD;
}

/* ---- the transcript that follows from it ----------------------------------------------------- */

/* Before 2.34 dlclose is in libdl and calls what catches errors in libc: with ld.so between them
 * the walk does not come to dlclose, nor to exit(). */
static bool is_lost(void)
{
    return under->is & CONDITION_RETURNS && glibc_is_before(34);
}

/* In doubt it is an exit. */
static const char *name_told(enum reason why)
{
    static const char *const names[] = {"unload", "unload at exit", "exit"};
    bool in_doubt = is_lost() || (MATRIX_BY_MARK && why == UNLOAD_AT_EXIT);
    return names[in_doubt ? EXIT : why];
}

static const char *exiting(enum reason why)
{
    bool in_doubt = (is_lost() || MATRIX_BY_MARK) && why == UNLOAD_AT_EXIT;
    return why == UNLOAD ? "" : in_doubt ? "*" : ", exiting";
}

struct transcript {
    char text[2048];
    size_t length;
    bool asks;         /* the exit handler asks fini_why() */
    bool left_to_last; /* exit() does not come to the handler before it finalizes the image */
    bool destructor_first; /* libfini's finalizer comes later, and the stack does not tell */
};

__attribute__((format(printf, 2, 3))) static void put(struct transcript *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->length += (size_t)vsnprintf(t->text + t->length, sizeof t->text - t->length, format, args);
    va_end(args);
    require(t->length < sizeof t->text);
}

static void put_hook(struct transcript *t, const char *hook, enum reason why, bool forked)
{
    put(t, "%s hook: %s%s%s\n", hook, name_told(why), exiting(why), forked ? ", forked" : "");
}

static void put_exit_handler(struct transcript *t, const char *told)
{
    if (MATRIX_BARE)
        return;
    put(t, "exit handler%s%s\n", t->asks ? ": " : "", t->asks ? told : "");
}

/* exit() calls it while no image is finalized yet, or else the image's finalizer does. */
static const char *told_at_exit(const struct transcript *t)
{
    return t->left_to_last ? name_told(EXIT) : "running";
}

struct ending {
    enum reason why;
    bool forked;
    bool exit_handler_ran; /* by exit(), before it came to this */
    bool not_constructed;  /* no destructor runs */
    bool handler_between;  /* the host's comes after the hooks, and before destructors */
};

static void put_destructors(struct transcript *t, enum reason why)
{
    put(t, "destructors: %s, %s\n", t->destructor_first ? "running" : name_told(why),
        name_told(why));
}

static void put_ending(struct transcript *t, struct ending ending)
{
    if (ending.why == EXIT && !ending.exit_handler_ran)
        put_exit_handler(t, told_at_exit(t));
    put_hook(t, "added", ending.why, ending.forked);
    if (!ending.forked)
        put_hook(t, "parent's", ending.why, ending.forked);
    put_hook(t, "file", ending.why, ending.forked);
    if (ending.why != EXIT && !ending.exit_handler_ran)
        put_exit_handler(t, is_lost() ? "running" : name_told(ending.why));
    if (ending.handler_between)
        put(t, "closed: mapped 1\n");
    if (!ending.not_constructed)
        put_destructors(t, ending.why);
}

/* The first hook calls exit(): that is the reason of all the others, and destructors never run -
 * unless hooks come before exit() turns to finalizers; and glibc before 2.39 finalizes an image
 * again that dlclose has begun to finalize. */
static void put_ending_in_hook(struct transcript *t, enum reason why)
{
    if (why == EXIT)
        put_exit_handler(t, told_at_exit(t));
    put_hook(t, "added", why, false);
    if (why != EXIT)
        put_exit_handler(t, name_told(EXIT));
    put_hook(t, "parent's", EXIT, false);
    put_hook(t, "file", EXIT, false);
    /* 2.31 is older than that correction as well (seen). */
    if (MATRIX_ONE_LIST || (why != EXIT && (MATRIX_FINALIZES_AGAIN || glibc_is_before(35))))
        put(t, "destructors: %s, %s\n", name_told(EXIT), name_told(EXIT));
}

static void put_end(struct transcript *t, bool mapped)
{
    put(t, "end: mapped %d\n", mapped);
}

static void put_went_on(struct transcript *t, bool mapped)
{
    put(t, "went on: mapped %d\n", mapped);
}

static void put_arrival(struct transcript *t, const struct way_in *in)
{
    static const char name[] = "constructor: running\n";
    struct ending old = {.why = UNLOAD};
    put(t, "%s", name);
    if (strcmp(in->name, "reload") == 0)
        put_ending(t, old);
    if (in->is & RELOADED)
        put(t, "%s", name);
    if (strcmp(in->name, "reload-beside") == 0)
        put_ending(t, old);
}

static void put_closes(struct transcript *t, const struct way_in *in, const struct way_out *out)
{
    enum reason why = expected(in, out);
    if (out->is & BY_SWEEP)
        put(t, "closed: mapped 1\n");
    if (why != EXIT)
        put_ending(t, (struct ending){.why = why});
    put_went_on(t, why == EXIT);
    if (why == EXIT)
        put_ending(t, (struct ending){.why = why});
    put_end(t, why == EXIT);
}

static void put_closed(struct transcript *t, const struct way_out *out, bool mapped)
{
    if (out->is & SAYS_CLOSED)
        put(t, "closed: mapped %d\n", mapped);
}

/* In the one list older handlers come after the hooks. What is there at start-up is older than any
 * handler of main. */
static void put_closes_in_list(struct transcript *t, const struct way_in *in,
                               const struct way_out *out)
{
    bool at_startup = in->is & BEFORE_MAIN && in->is & RESIDENT;
    bool older = out->is & OLDER && !at_startup;
    put_went_on(t, true);
    if (out->is & BY_SWEEP)
        put(t, "closed: mapped 1\n");
    if (!older)
        put_closed(t, out, true);
    put_ending(t, (struct ending){.why = EXIT, .handler_between = older && out->is & SAYS_CLOSED});
    put_end(t, true);
}

/* The handler of the way out comes somewhere among what is said of the ending. */
static void put_closes_at_exit(struct transcript *t, const struct way_in *in,
                               const struct way_out *out)
{
    enum reason why = expected(in, out);
    if (MATRIX_ONE_LIST) {
        put_closes_in_list(t, in, out);
        return;
    }
    bool arrived_first = in->is & BEFORE_MAIN || in->is & OWN_LIBC;
    bool handler_ran = out->is & OLDER && !arrived_first;
    bool very_last = out->is & VERY_LAST && in->is & BEFORE_MAIN && !(in->is & RESIDENT);
    put_went_on(t, true);
    if (out->is & BY_SWEEP)
        put(t, "closed: mapped 1\n");
    if (handler_ran)
        put_exit_handler(t, "running");
    if (why == EXIT && !very_last)
        put_closed(t, out, true);
    put_ending(t, (struct ending){.why = why, .exit_handler_ran = handler_ran});
    if (why != EXIT || very_last)
        put_closed(t, out, very_last);
    put_end(t, why == EXIT);
}

/* Where a signal handler cannot be looked beyond, it may have interrupted malloc, and the image is
 * not kept when a library that it depends on closes it. */
static bool is_kept(const struct way_in *in, const struct way_out *out)
{
    return !MATRIX_BY_MARK || strncmp(in->name, "by-", 3) != 0 ||
           (strcmp(out->name, "exit-signal") != 0 && strcmp(out->name, "exit-interrupt") != 0);
}

static void put_exits(struct transcript *t, const struct way_in *in, const struct way_out *out)
{
    bool not_constructed = MATRIX_ONE_LIST && out->is & AS_IT_COMES && !(in->is & STATIC);
    if (out->is & RETURNS)
        put_went_on(t, true);
    put_ending(t, (struct ending){.why = EXIT, .not_constructed = not_constructed});
    put_end(t, is_kept(in, out));
}

static void put_exits_in_hook(struct transcript *t, const struct way_in *in,
                              const struct way_out *out)
{
    enum reason why = expected(in, out);
    if (why == EXIT)
        put_went_on(t, true);
    put_ending_in_hook(t, why);
    put_end(t, true);
}

/* The child has its own end, and the parent does not notice. */
static void put_child_ends(struct transcript *t, const struct way_in *in,
                           const struct way_out *out)
{
    enum reason why = out->kind == CLOSES_IN_CHILD ? expected(in, out) : EXIT;
    put_ending(t, (struct ending){.why = why, .forked = true});
    put_end(t, why == EXIT);
    put_exits(t, in, out);
}

static void put_leaving(struct transcript *t, const struct way_in *in, const struct way_out *out)
{
    switch (out->kind) {
    case CLOSES:
        put_closes(t, in, out);
        break;
    case CLOSES_AT_EXIT:
        put_closes_at_exit(t, in, out);
        break;
    case EXITS:
        put_exits(t, in, out);
        break;
    case EXITS_IN_HOOK:
        put_exits_in_hook(t, in, out);
        break;
    case EXITS_IN_CHILD:
    case CLOSES_IN_CHILD:
        put_child_ends(t, in, out);
        break;
    case DIES:
        break;
    }
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* exit() is called within exit(), or in a child that was forked there. */
static bool nests_exit(const struct way_in *in, const struct way_out *out)
{
    bool in_child = out->kind == EXITS_IN_CHILD || out->kind == CLOSES_IN_CHILD;
    bool exits = out->kind == EXITS && !(out->is & RETURNS);
    return out->kind == EXITS_IN_HOOK || (in->is & AT_EXIT && (in_child || exits));
}

static void exit_within_exit(void *arg)
{
    (void)arg;
    matrix_become("host", "dlopen-atexit", "exit", NULL, NULL);
}

/* Newer versions of a libc with one list may forbid it. */
static void skip_where_exit_does_not_nest(const struct way_in *in, const struct way_out *out)
{
    struct outcome outcome;
    if (!MATRIX_ONE_LIST || !nests_exit(in, out))
        return;
    in_child_recorded(exit_within_exit, NULL, &outcome);
    if (WIFSIGNALED(outcome.wait_status))
        skip("this libc lets nobody call exit() within exit()");
}

/* Of 2.31. The first happens to any library; after the second the image is not kept mapped. */
static void skip_in_old_namespace(const struct way_in *in, unsigned condition)
{
    if (!(in->is & OWN_LIBC) || !glibc_is_before(34))
        return;
    if (condition & CONDITION_AUDITED)
        skip("dlmopen under an audit library crashes in this glibc");
    if (condition & CONDITION_NO_PAGES)
        skip("malloc in a namespace of this glibc needs pages of its own");
    if (MATRIX_JUDGED)
        skip("a namespace of this glibc has no libpthread");
}

/* Both seen in gcc 14, in hosts that load nothing of ours, too. */
static void skip_by_sanitizer(const char *out)
{
    if (MATRIX_ASAN && SANITIZERS_OF_GCC_14 && strcmp(out, "pthread-exit-last") == 0)
        skip("the address sanitizer of gcc 14 breaks off when the last thread ends the process");
    if (MATRIX_TSAN && SANITIZERS_OF_GCC_14 &&
        (strcmp(out, "exit-constructor") == 0 || strcmp(out, "exit-own-constructor") == 0))
        skip("the thread sanitizer of gcc 14 reports an exit() from within dlopen");
}

/* Where build-variant.sh has dropped it. Any other program that is not there is a failure. */
static void skip_where_nothing_starts(const char *program)
{
    char path[PATH_MAX], name[128];
    if (strcmp(program, "linked-static-pie") != 0)
        return;
    snprintf(name, sizeof name, "%s.d/%s", VARIANT, program);
    if (access(harness_path(path, name), X_OK) != 0)
        skip("a program that does nothing does not run, linked so");
}

struct pair {
    const struct way_in *in;
    const struct way_out *out;
    const struct matrix_condition *under;
    bool asks;
};

static void run_pair(const void *data)
{
    const struct pair *pair = data;
    if (pair->in->is & AT_EXIT && pair->out->is & EXITS_TOO && glibc_is_since(41))
        skip("from glibc 2.41 on a second thread that calls exit() waits for ever");
    skip_where_exit_does_not_nest(pair->in, pair->out);
    skip_in_old_namespace(pair->in, pair->under->is);
    skip_by_sanitizer(pair->out->name);
    skip_where_nothing_starts(pair->in->program);
    if (pair->asks)
        setenv("MATRIX_ASK", "1", 1);
    if (pair->under->preload)
        matrix_preload(pair->under->preload);
    if (pair->under->impose)
        pair->under->impose();
    matrix_become(pair->in->program, pair->in->name, pair->out->name,
                  pair->out->is & EARLY_LIBRARY ? "early.so" : NULL, pair->in->preload);
}

/* ---- where only wrong answers are looked for ------------------------------------------------- */

static void become_pair(void *pair)
{
    run_pair(pair);
}

static void judge_pair(const void *data)
{
    const struct pair *pair = data;
    const struct way_in *in = pair->in;
    const struct way_out *out = pair->out;
    unsigned in_child = out->kind == EXITS_IN_CHILD || out->kind == CLOSES_IN_CHILD;
    unsigned before = (in->is & RELOADED) != 0;
    matrix_judge(become_pair, pair,
                 (struct matrix_truth){
                     .unmapped = expected(in, out) != EXIT && out->kind != CLOSES_IN_CHILD,
                     .signal = out->signal,
                     .ends = out->kind == DIES ? before : 1 + in_child + before,
                     .plainly = strcmp(in->name, "dlopen") == 0 &&
                                strcmp(out->name, "dlclose") == 0});
}

static void add_judged(const char *name, const struct pair *pair)
{
    harness_add(&(struct test_case){.name = name, .run = judge_pair, .data = pair});
}

static bool left_to_last(const struct way_in *in)
{
    return in->is & (BEFORE_MAIN | OWN_LIBC) && !MATRIX_ONE_LIST;
}

static void add_pair(const struct way_in *in, const struct way_out *out, bool asks)
{
    char name[128];
    struct transcript t = {.asks = asks,
                           .left_to_last = left_to_last(in),
                           .destructor_first = MATRIX_BY_MARK && MATRIX_DESTRUCTOR_FIRST &&
                                               !(in->is & STATIC)};
    struct pair *pair = malloc(sizeof *pair);
    require(pair != NULL);
    *pair = (struct pair){in, out, under, asks};
    snprintf(name, sizeof name, "%s%s%s/%s%s", under->name, under->name[0] ? "/" : "", in->name,
             out->name, asks ? "/asks" : "");
    if (MATRIX_JUDGED) {
        add_judged(name, pair);
        return;
    }
    put_arrival(&t, in);
    put_leaving(&t, in, out);
    harness_add(&(struct test_case){.name = name,
                                    .run = run_pair,
                                    .data = pair,
                                    .expect = t.text,
                                    .signal = out->signal,
                                    .ends = true});
}

/* The expected is right; libfini is not. */
static bool is_open(void)
{
    return under->is & CONDITION_OPEN || (MATRIX_NOTABLES && under->is & CONDITION_NO_SCAN);
}

static bool is_built(const struct way_in *in)
{
    /* What is never unloaded is not loaded again. */
    if (!MATRIX_STATIC_PIE && strcmp(in->name, "linked-static-pie") == 0)
        return false;
    return !(!MATRIX_LINKED && in->is & LINKED) &&
           !((MATRIX_NODELETE || MATRIX_NEVER_UNLOADS) && in->is & RELOADED) &&
           !(MATRIX_CORE && !(in->is & CORE));
}

static bool is_possible(const struct way_in *in, const struct way_out *out)
{
    if (under->is & CONDITION_LOADER && in->is & STATIC)
        return false;
    if (under->is & CONDITION_NO_RAISE && out->is & RAISES)
        return false;
    if (under->is & CONDITION_NO_VFORK && out->is & VFORKS)
        return false;
    if (!MATRIX_TSAN)
        return true;
    /* Its exit handlers are not the program's: they come where those of on_exit come. */
    if (in->is & BEFORE_MAIN && out->is & OLDER)
        return false;
    return !(out->is & NOT_UNDER_TSAN);
}

static void add_pairs(const struct way_in *in, const struct way_out *out)
{
    if (!is_built(in) || !is_possible(in, out) || !makes_sense(in, out) ||
        is_open() != MATRIX_OPEN)
        return;
    add_pair(in, out, false);
    if (in->is & out->is & ASKS_TOO)
        add_pair(in, out, true);
}

static void add_product(void)
{
    for (size_t i = 0; i < sizeof ways_in / sizeof *ways_in; i++)
        for (size_t o = 0; o < sizeof ways_out / sizeof *ways_out; o++)
            add_pairs(&ways_in[i], &ways_out[o]);
}

void harness_setup(void)
{
    for (under = matrix_conditions; under->name; under++)
        if (harness_wants(under->name))
            add_product();
}
