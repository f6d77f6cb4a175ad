/* SPDX-License-Identifier: MIT
 *
 * harness.h - what a test program is written with.
 *
 * Decides how a case is declared and what it may say. Leaves running and judging to runner.c:
 * each case is a process of its own, and passes when its exit status and its transcript, all it
 * wrote to standard output, are the expected ones.
 *
 *     CASE(adds, .expect = "sum 4\n")
 *     {
 *         say("sum %d", 2 + 2);
 *     }
 *
 * Link harness.c, which has main(). A program may have a main of its own that calls
 * harness_main(). A plugin that needs say() links harness.c too.
 *
 * A body that returns writes the line `done`, and main returns 0, so finalizers run and can still
 * speak. A body that calls exit(0) halfway lacks that line and so fails.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <limits.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All but name and run may be left out. In the expected lines `*` stands for any text. */
struct test_case {
    const char *name;             /* no tab, no newline; unique in its program */
    void (*run)(const void *data);
    const void *data;
    const char *expect;           /* lines up to the end of the body */
    const char *after;            /* lines after `done`: what finalizers say */
    int status;                   /* exit status */
    int signal;                   /* death by this signal, instead of a status */
    int timeout;                  /* seconds; 0: the runner's default, 10 */
    bool ends;                    /* the body never returns: no `done` is expected */
    bool slow;                    /* takes seconds: the runner starts it early */
    bool unloads;                 /* is about an unload: skipped where nothing is ever unloaded */
    bool nests_exit;              /* calls exit() within exit(): skipped where libc forbids it */
};

struct harness__node {
    const struct test_case *test;
    const char *file;
    int line;
    struct harness__node *next;
};

/* CASE(name, .expect = "...", ...) { body }. The body can use `data`. The cases of a file are
 * listed in source order. */
#define CASE(...) HARNESS__CASE(__VA_ARGS__, )
#define HARNESS__CASE(id, ...)                                                                \
    static void case_##id(const void *data);                                                  \
    static const struct test_case case_of_##id = {.name = #id, .run = case_##id, __VA_ARGS__}; \
    __attribute__((constructor)) static void case_added_##id(void)                            \
    {                                                                                         \
        static struct harness__node node = {&case_of_##id, __FILE__, __LINE__, 0};            \
        harness__register(&node);                                                             \
    }                                                                                         \
    static void case_##id(const void *data __attribute__((unused)))

/* Adds a generated case, after those of CASE. The strings are copied; data must stay valid. */
void harness_add(const struct test_case *test);

/* A program with generated cases defines it, to call harness_add. It runs in every mode, so it
 * must do nothing else. */
void harness_setup(void);

/* Whether cases whose names begin so are asked for: a process that runs one case need not generate
 * all the others. */
bool harness_wants(const char *beginning);

/* What is expected follows from the system that the program is built for. HARNESS_NEVER_UNLOADS:
 * dlclose does nothing. HARNESS_ONE_LIST: libc has one list of exit handlers, in which hooks have
 * the place of the image's first constructor; elsewhere they come after all handlers. */
#ifdef HARNESS_NEVER_UNLOADS
#define WHERE_UNLOADED(yes, no) no
#else
#define WHERE_UNLOADED(yes, no) yes
#endif
#ifdef HARNESS_ONE_LIST
#define IN_ONE_LIST(yes, no) yes
#else
#define IN_ONE_LIST(yes, no) no
#endif

int harness_main(int argc, char **argv);

/* Writes one line of the transcript at once, with write(2), at most 1023 bytes. Keeps errno. Any
 * thread; in finalizers, forked children and signal handlers too. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the case as skipped, without finalizers. The reason must not be empty. */
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Aborts when the condition does not hold. The transcript gets a line as well, so the case fails
 * even where an abort is expected or where the caller is a child that nobody waits for. */
#define require(condition) \
    ((condition) ? (void)0 : harness__require_failed(__FILE__, __LINE__, #condition))

/* The same for two integers that must be equal; shows both. */
#define require_eq(a, b) \
    harness__require_eq(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))

/* The directory of the running program, without a slash at its end. */
const char *harness_dir(void);

/* Writes the path of a file beside the program into buf and returns buf. */
char *harness_path(char buf[PATH_MAX], const char *name);

void harness__register(struct harness__node *node);
void harness__require_failed(const char *file, int line, const char *text)
    __attribute__((noreturn));
void harness__require_eq(const char *file, int line, const char *text, long long a, long long b);

#ifdef __cplusplus
}
#endif
#endif
