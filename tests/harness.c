/* SPDX-License-Identifier: MIT
 *
 * harness.c - the side of the harness that lives in the test program.
 *
 * Decides which cases the program has, lists them with what is expected of them, and runs one.
 * Leaves all judging to runner.c, whose head describes the protocol. Whoever runs a case by hand
 * calls PROGRAM --case NAME and compares with PROGRAM --expect NAME.
 */
#include "harness.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_LIMIT = 1024, STATUS_SKIPPED = 77 };

static struct harness__node *cases;
static const char *wanted; /* the only case that counts; NULL: all */

__attribute__((weak)) void harness_setup(void)
{
}

__attribute__((weak)) int main(int argc, char **argv)
{
    return harness_main(argc, argv);
}

/* ---- speaking ------------------------------------------------------------------------------ */

static void write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0) {
            text += n;
            length -= (size_t)n;
        }
    }
}

/* One write for the whole line, so that lines of several threads do not mix. */
__attribute__((format(printf, 3, 0)))
static void write_line(int fd, const char *prefix, const char *format, va_list args)
{
    char line[LINE_LIMIT];
    int saved = errno;
    size_t used = (size_t)snprintf(line, sizeof line, "%s", prefix);
    int n = vsnprintf(line + used, sizeof line - used, format, args);
    if (n > 0)
        used += (size_t)n;
    if (used > sizeof line - 1)
        used = sizeof line - 1;
    line[used++] = '\n';
    write_all(fd, line, used);
    errno = saved;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(STDOUT_FILENO, "", format, args);
    va_end(args);
}

__attribute__((format(printf, 1, 2)))
static void complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(STDERR_FILENO, "", format, args);
    va_end(args);
}

void skip(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    va_start(args, format);
    write_line(STDOUT_FILENO, "SKIP: ", format, args);
    va_end(args);
    _exit(STATUS_SKIPPED);
}

/* ---- requiring ----------------------------------------------------------------------------- */

void harness__require_failed(const char *file, int line, const char *text)
{
    complain("%s:%d: %s", file, line, text);
    say("require failed at line %d", line);
    abort();
}

void harness__require_eq(const char *file, int line, const char *text, long long a, long long b)
{
    char both[LINE_LIMIT];
    if (a == b)
        return;
    snprintf(both, sizeof both, "%s: %lld, %lld", text, a, b);
    harness__require_failed(file, line, both);
}

/* ---- places -------------------------------------------------------------------------------- */

/* Found out before main, as several threads may ask at once. */
static char program_dir[PATH_MAX];

__attribute__((constructor(101))) static void find_program_dir(void)
{
    ssize_t n = readlink("/proc/self/exe", program_dir, sizeof program_dir - 1);
    char *slash;
    if (n < 0)
        return;
    program_dir[n] = '\0';
    slash = strrchr(program_dir, '/');
    if (slash != NULL)
        *slash = '\0';
}

const char *harness_dir(void)
{
    return program_dir;
}

char *harness_path(char buf[PATH_MAX], const char *name)
{
    int n = snprintf(buf, PATH_MAX, "%s/%s", program_dir, name);
    require(n > 0 && n < PATH_MAX);
    return buf;
}

/* ---- cases --------------------------------------------------------------------------------- */

/* Constructors of one file need not run in source order; the line numbers put that right. */
void harness__register(struct harness__node *node)
{
    struct harness__node **at = &cases;
    while (*at != NULL) {
        if (node->line > 0 && (*at)->line > node->line && strcmp((*at)->file, node->file) == 0)
            break;
        at = &(*at)->next;
    }
    node->next = *at;
    *at = node;
}

static const char *copy_text(const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    require(text == NULL || copy != NULL);
    return copy;
}

bool harness_wants(const char *beginning)
{
    return wanted == NULL || strncmp(wanted, beginning, strlen(beginning)) == 0;
}

void harness_add(const struct test_case *test)
{
    if (wanted != NULL && strcmp(wanted, test->name) != 0)
        return;
    struct {
        struct harness__node node;
        struct test_case test;
    } *added = calloc(1, sizeof *added);
    require(added != NULL);
    added->test = *test;
    added->test.name = copy_text(test->name);
    added->test.expect = copy_text(test->expect);
    added->test.after = copy_text(test->after);
    added->node.test = &added->test;
    added->node.file = "";
    harness__register(&added->node);
}

static const struct test_case *find_case(const char *name)
{
    for (const struct harness__node *at = cases; at != NULL; at = at->next)
        if (strcmp(at->test->name, name) == 0)
            return at->test;
    return NULL;
}

/* ---- the protocol -------------------------------------------------------------------------- */

static void print_lines(const char *indent, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, "\n");
        printf("%s%.*s\n", indent, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_expected(const char *indent, const struct test_case *test)
{
    print_lines(indent, test->expect);
    if (!test->ends)
        print_lines(indent, "done\n");
    print_lines(indent, test->after);
}

static void print_number(const char *key, int value)
{
    if (value != 0)
        printf("\t%s=%d", key, value);
}

static void print_case(const struct test_case *test)
{
    printf("%s", test->name);
    print_number("timeout", test->timeout);
    print_number("status", test->status);
    print_number("signal", test->signal);
    print_number("slow", test->slow);
    printf("\n");
    print_expected("\t", test);
}

static void check_case(const struct test_case *test)
{
    require(test->name[0] != '\0' && strpbrk(test->name, "\t\n") == NULL);
    require(test->run != NULL);
    if (find_case(test->name) != test) {
        complain("two cases are named %s", test->name);
        _exit(1);
    }
}

/* Ends without finalizers: a library of the program may speak in one, and that is not for the
 * list. What constructors said is cut off by the line `cases:`. */
static void list_cases(void)
{
    printf("cases:\n");
    for (const struct harness__node *at = cases; at != NULL; at = at->next) {
        check_case(at->test);
        print_case(at->test);
    }
    _exit(fflush(stdout) == 0 ? 0 : 1);
}

static void expect_case(const struct test_case *test)
{
    print_expected("", test);
    _exit(fflush(stdout) == 0 ? 0 : 1);
}

static void exit_again(void)
{
    exit(0);
}

/* Some libcs end such a process by a signal. */
static bool exit_nests(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0 && atexit(exit_again) == 0)
        exit(0);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
}

static int run_case(const struct test_case *test)
{
    if (test->nests_exit && IN_ONE_LIST(true, false) && !exit_nests())
        skip("this libc lets nobody call exit() within exit()");
    if (test->unloads && WHERE_UNLOADED(false, true))
        skip("nothing is ever unloaded here");
    test->run(test->data);
    fflush(stdout);
    say("done");
    return 0;
}

int harness_main(int argc, char **argv)
{
    const struct test_case *test;
    wanted = argc == 3 ? argv[2] : NULL;
    harness_setup();
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        list_cases();
    test = argc == 3 ? find_case(argv[2]) : NULL;
    if (test != NULL && strcmp(argv[1], "--case") == 0)
        return run_case(test);
    if (test != NULL && strcmp(argv[1], "--expect") == 0)
        expect_case(test);
    complain("usage: %s --list | --case NAME | --expect NAME", argv[0]);
    return 2;
}
