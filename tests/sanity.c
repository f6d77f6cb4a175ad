/* SPDX-License-Identifier: MIT
 *
 * sanity.c - the harness, tested by itself.
 *
 * Decides whether the runner tells bad cases from good ones. Each row of the table is a case with
 * the verdict it must get. With SANITY_INNER in the environment this program lists the rows
 * themselves, most of them bad; without it, it lists cases that run the runner, found beside
 * this program, on a row and look at what the runner says.
 */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_ENOUGH = 10, LONGER = 15, FLOOD = 10 << 20 };

#define ROW(name) static void name(const void *data __attribute__((unused)))

/* ---- good rows ----------------------------------------------------------------------------- */

ROW(says_hello)
{
    say("hello");
}

ROW(says_nothing)
{
}

ROW(says_hello_and_aborts)
{
    say("hello");
    abort();
}

ROW(ends_with_status_3)
{
    say("hello");
    exit(3);
}

ROW(exits_halfway)
{
    say("hello");
    exit(0);
}

static void say_bye(void)
{
    say("bye");
}

ROW(speaks_at_exit)
{
    atexit(say_bye);
}

ROW(says_patterns)
{
    say("pid %d", (int)getpid());
    say("left and right");
    say("[x] \\ ? 1");
}

ROW(uses_stdio)
{
    printf("from stdio\n");
}

ROW(closes_stdout)
{
    struct timespec pause = {0, 50000000};
    say("hello");
    close(STDOUT_FILENO);
    nanosleep(&pause, NULL);
}

ROW(looks_around)
{
    char c;
    sigset_t blocked;
    require_eq(read(STDIN_FILENO, &c, 1), 0);
    require_eq(getpgrp(), getpid());
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    require(!sigismember(&blocked, SIGCHLD));
    errno = 5;
    say("errno");
    require_eq(errno, 5);
}

ROW(finds_its_place)
{
    char path[PATH_MAX];
    require(harness_dir()[0] == '/');
    require(access(harness_path(path, "runner"), X_OK) == 0);
    require(strncmp(path, harness_dir(), strlen(harness_dir())) == 0);
}

static void flood(int fd)
{
    char line[1024];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < FLOOD / (int)sizeof line; i++)
        require(write(fd, line, sizeof line) > 0);
}

ROW(floods_stderr)
{
    flood(STDERR_FILENO);
}

/* ---- children left behind ------------------------------------------------------------------ */

static void hold_on(void)
{
    sleep(LONGER);
    _exit(0);
}

ROW(leaves_child)
{
    if (fork() == 0)
        hold_on();
}

/* Out of the reach of the runner, which must not wait for it. It lets go of all but the pipes. */
static void get_away(int ready)
{
    setsid();
    require(write(ready, "", 1) == 1);
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    hold_on();
}

ROW(leaves_escaped_child)
{
    int ends[2];
    char c;
    require(pipe(ends) == 0);
    if (fork() == 0)
        get_away(ends[1]);
    require(read(ends[0], &c, 1) == 1);
}

ROW(leaves_flooding_child)
{
    if (fork() == 0)
        for (;;)
            flood(STDERR_FILENO);
}

/* ---- bad rows ------------------------------------------------------------------------------ */

ROW(hangs)
{
    signal(SIGTERM, SIG_IGN);
    fork();
    alarm(60); /* for the day when the runner does not kill them */
    for (;;)
        pause();
}

ROW(swaps_lines)
{
    say("second");
    say("first");
}

ROW(terminates_itself)
{
    raise(SIGTERM);
}

ROW(exits_like_a_shell)
{
    _exit(128 + SIGABRT);
}

ROW(floods)
{
    flood(STDOUT_FILENO);
}

ROW(floods_in_one_line)
{
    char chunk[1024];
    memset(chunk, 'x', sizeof chunk);
    for (int i = 0; i < FLOOD / (int)sizeof chunk; i++)
        require(write(STDOUT_FILENO, chunk, sizeof chunk) > 0);
    _exit(0);
}

ROW(hides_behind_zero)
{
    require(write(STDOUT_FILENO, "hello\0more\n", 11) == 11);
}

static void quit_with_5(void)
{
    _exit(5);
}

ROW(finalizer_quits)
{
    atexit(quit_with_5);
}

ROW(requires)
{
    require(1 + 1 == 2);
    require_eq(1, 2);
}

ROW(child_requires)
{
    pid_t child = fork();
    if (child == 0)
        require(child != 0);
    require_eq(waitpid(child, NULL, 0), child);
}

ROW(ends_with_77)
{
    _exit(77);
}

ROW(skips_without_reason)
{
    say("SKIP: ");
    _exit(77);
}

ROW(skips_with_status_0)
{
    say("SKIP: hello");
    _exit(0);
}

ROW(skips_and_goes_on)
{
    say("SKIP: hello");
    say("more");
    _exit(77);
}

ROW(skips)
{
    say("hello");
    skip("no thing %d here", 42);
}

/* ---- the table ----------------------------------------------------------------------------- */

enum verdict { PASSED, FAILED, SKIPPED };

struct row {
    enum verdict verdict;
    const char *shown[2]; /* what the runner says about it */
    struct test_case test;
};

#define TEST(n, f, ...) {.name = "row_" n, .run = f, __VA_ARGS__}
#define GOOD(n, f, ...) {PASSED, {NULL, NULL}, TEST(n, f, __VA_ARGS__)},
#define BAD(n, a, b, f, ...) {FAILED, {a, b}, TEST(n, f, __VA_ARGS__)},

static const struct row rows[] = {
    GOOD("hello", says_hello, .expect = "hello\n")
    GOOD("nothing", says_nothing, .expect = "")
    GOOD("abort", says_hello_and_aborts, .expect = "hello\n", .signal = SIGABRT, .ends = true)
    GOOD("status", ends_with_status_3, .expect = "hello", .status = 3, .ends = true)
    GOOD("exit", exits_halfway, .expect = "hello\n", .ends = true)
    GOOD("after", speaks_at_exit, .after = "bye\n")
    GOOD("patterns", says_patterns, .expect = "pid *\nleft*right\n[x] \\ ? *\n")
    GOOD("stdio", uses_stdio, .expect = "from stdio\n")
    GOOD("closed", closes_stdout, .expect = "hello\n", .ends = true)
    GOOD("around", looks_around, .expect = "errno\n")
    GOOD("place", finds_its_place, .slow = true)
    GOOD("loud", floods_stderr, .timeout = 20)
    GOOD("child", leaves_child, .expect = NULL)
    GOOD("escaped", leaves_escaped_child, .expect = NULL)
    GOOD("flooding_child", leaves_flooding_child, .expect = NULL)
    BAD("aborts", "expected status 0, got signal 6", "- done", says_hello_and_aborts,
        .expect = "hello\n")
    BAD("hangs", "timed out after 1 s", "- done", hangs, .timeout = 1)
    BAD("hangs_signal", "timed out after 1 s", "", hangs, .timeout = 1, .signal = SIGKILL,
        .ends = true)
    BAD("bad_status", "expected status 0, got status 3", "", ends_with_status_3,
        .expect = "hello\n", .ends = true)
    BAD("other_status", "expected status 4, got status 3", "", ends_with_status_3,
        .expect = "hello\n", .status = 4, .ends = true)
    BAD("missing", "wrong transcript", "- more", says_hello, .expect = "hello\nmore\n")
    BAD("missing_first", "- first", "", says_hello, .expect = "first\nhello\n")
    BAD("extra", "wrong transcript", "+ hello", says_hello, .expect = "")
    BAD("extra_end", "wrong transcript", "+ bye", speaks_at_exit, .expect = NULL)
    BAD("swapped", "- first", "+ first", swaps_lines, .expect = "first\nsecond\n")
    BAD("halfway", "wrong transcript", "- done", exits_halfway, .expect = "hello\n")
    BAD("returns", "wrong transcript", "+ done", says_hello, .expect = "hello\n", .ends = true)
    BAD("wrong_signal", "expected signal 6", "got signal 15", terminates_itself,
        .signal = SIGABRT, .ends = true)
    BAD("signal_for_status", "expected status 15, got signal 15", "", terminates_itself,
        .status = SIGTERM, .ends = true)
    BAD("no_signal", "expected signal 6", "got status 0", says_hello, .expect = "hello\n",
        .signal = SIGABRT)
    BAD("status_for_signal", "expected signal 6", "got status 134", exits_like_a_shell,
        .signal = SIGABRT, .ends = true)
    BAD("child_and_missing", "wrong transcript", "- more", leaves_child, .expect = "more\n")
    BAD("escaped_and_missing", "- more", "", leaves_escaped_child, .expect = "more\n")
    BAD("silent", "wrong transcript", "- hello", says_nothing, .expect = "hello\n", .ends = true)
    BAD("floods", "bytes of output", "lines more", floods, .expect = "x*\n")
    BAD("floods_line", "bytes of output", "", floods_in_one_line, .expect = "x*x\n", .ends = true)
    BAD("pattern_end", "- a*c", "+ hello", says_hello, .expect = "a*c\n")
    BAD("pattern_class", "- h[e]llo*", "+ hello", says_hello, .expect = "h[e]llo*\n")
    BAD("pattern_one_line", "- done", "", says_nothing, .expect = "*\n")
    BAD("zero", "+ hello\\x01more", "", hides_behind_zero, .expect = "hello\n")
    BAD("finalizer", "expected status 0, got status 5", "", finalizer_quits, .expect = NULL)
    BAD("require", "1 == 2: 1, 2", "+ require failed", requires, .signal = SIGABRT, .ends = true)
    BAD("require_in_child", "child != 0", "+ require failed", child_requires, .expect = NULL)
    BAD("skip_77", "got status 77", "", ends_with_77, .ends = true)
    BAD("skip_no_reason", "got status 77", "+ SKIP: ", skips_without_reason, .ends = true)
    BAD("skip_status", "+ SKIP: hello", "", skips_with_status_0, .ends = true)
    BAD("skip_not_last", "got status 77", "+ more", skips_and_goes_on, .ends = true)
    {SKIPPED, {"skip ", ": no thing 42 here\n"}, TEST("skip_reason", skips, .expect = "hello\n")},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- running the runner -------------------------------------------------------------------- */

static struct {
    char text[1 << 16];
    size_t length;
    int status;
    double seconds;
} outcome;

static const char *own_path(void)
{
    static char path[PATH_MAX];
    require(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    return path;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

__attribute__((noreturn))
static void become_runner(const char *inner, const char *const *args, int out)
{
    char path[PATH_MAX];
    char *argv[12] = {harness_path(path, "runner")};
    for (int i = 0; args[i] != NULL && i < 10; i++)
        argv[i + 1] = (char *)args[i];
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    close(out);
    setenv("SANITY_INNER", inner, 1);
    execv(path, argv);
    perror(path);
    _exit(127);
}

static void read_outcome(int fd)
{
    ssize_t n;
    outcome.length = 0;
    do {
        size_t room = sizeof outcome.text - 1 - outcome.length;
        require(room > 0); /* a report is short, whatever the case has written */
        n = read(fd, outcome.text + outcome.length, room);
        require(n >= 0);
        outcome.length += (size_t)n;
    } while (n > 0);
    outcome.text[outcome.length] = '\0';
    close(fd);
}

/* The witness is a pipe whose write end all descendants inherit: it hangs up when all are dead. */
static void require_all_dead(int witness)
{
    struct pollfd polled = {.fd = witness, .events = POLLIN};
    require_eq(poll(&polled, 1, LONG_ENOUGH * 1000), 1);
    require(polled.revents & POLLHUP);
    close(witness);
}

/* Runs the runner with these arguments, the last NULL. `inner` says what this program lists. */
static void run(const char *inner, const char *const *args)
{
    int out[2], witness[2], status;
    double started = now();
    pid_t child;
    require(getenv("SANITY_INNER") == NULL); /* or it would go on for ever */
    require(pipe(out) == 0 && pipe(witness) == 0);
    child = fork();
    if (child == 0)
        become_runner(inner, args, out[1]);
    close(out[1]);
    close(witness[1]);
    read_outcome(out[0]);
    require_eq(waitpid(child, &status, 0), child);
    outcome.seconds = now() - started;
    fputs(outcome.text, stderr); /* shown when the case fails */
    require(WIFEXITED(status));
    outcome.status = WEXITSTATUS(status);
    require_all_dead(witness[0]);
}

#define RUN(inner, ...) run(inner, (const char *const[]){__VA_ARGS__, NULL})

static void require_shown(const char *text)
{
    if (text != NULL && strstr(outcome.text, text) == NULL)
        fprintf(stderr, "not shown: %s\n", text);
    require(text == NULL || strstr(outcome.text, text) != NULL);
}

/* The last line and the exit status, which follows from it. */
static void require_closing(int passed, int failed, int skipped)
{
    char closing[128];
    size_t length = (size_t)snprintf(closing, sizeof closing, "%d passed, %d failed, %d skipped\n",
                                     passed, failed, skipped);
    require(outcome.length >= length);
    require(strcmp(outcome.text + outcome.length - length, closing) == 0);
    require(outcome.length == length || outcome.text[outcome.length - length - 1] == '\n');
    require_eq(outcome.status, failed == 0 && passed > 0 ? 0 : 1);
}

static void require_quiet(void)
{
    require(strchr(outcome.text, '\n') == outcome.text + outcome.length - 1);
}

/* ---- the rows, each alone ------------------------------------------------------------------ */

/* The list has the one row, as a filter would take all rows whose names begin alike, and the
 * cases below, which the filter keeps out. */
static void check_row(const void *data)
{
    const struct row *row = data;
    RUN(row->test.name, "-j", "1", "-f", "/row_", own_path());
    require_shown(row->shown[0]);
    require_shown(row->shown[1]);
    require_closing(row->verdict == PASSED, row->verdict == FAILED, row->verdict == SKIPPED);
    require(outcome.seconds < LONG_ENOUGH);
    if (row->verdict == PASSED)
        require_quiet();
    else
        require_shown(row->test.name);
}

/* ---- all rows together --------------------------------------------------------------------- */

static int count_rows(enum verdict verdict)
{
    int n = 0;
    for (int i = 0; i < ROWS; i++)
        n += rows[i].verdict == verdict;
    return n;
}

static void check_all_rows(const char *jobs)
{
    RUN("row_", "-f", "/row_", "-v", "-j", jobs, own_path());
    for (int i = 0; i < ROWS; i++)
        require_shown(rows[i].test.name);
    require_closing(count_rows(PASSED), count_rows(FAILED), count_rows(SKIPPED));
}

CASE(all_one_by_one, .timeout = 60, .slow = true)
{
    check_all_rows("1");
}

CASE(all_at_once, .timeout = 60)
{
    check_all_rows("100");
}

/* ---- options ------------------------------------------------------------------------------- */

CASE(option_times)
{
    RUN("row_hello", "-f", "/row_", "--times", "3", "-v", own_path());
    require_shown("ok   ");
    require_closing(3, 0, 0);
}

CASE(option_filter)
{
    RUN("row_", "-f", "/row_missing", own_path());
    require_shown("/row_missing_first");
    require_closing(0, 2, 0);
}

CASE(filter_takes_none)
{
    RUN("row_", "-f", "there is none", own_path());
    require_closing(0, 0, 0);
    require_quiet();
}

CASE(wrong_options)
{
    RUN("row_hello", "-j", "0", own_path());
    require_eq(outcome.status, 2);
    RUN("row_hello", "--times", "x", own_path());
    require_eq(outcome.status, 2);
    RUN("row_hello", "-v");
    require_eq(outcome.status, 2);
    require_shown("usage: ");
}

/* ---- lists --------------------------------------------------------------------------------- */

CASE(list_fails)
{
    RUN("list_fails", own_path());
    require_shown("/--list: expected status 0, got status 3");
    require_shown("cannot list");
    require_closing(0, 1, 0);
}

CASE(list_killed)
{
    RUN("list_killed", own_path());
    require_shown("/--list: expected status 0, got signal 9");
    require_closing(0, 1, 0);
}

CASE(list_empty)
{
    RUN("list_empty", own_path());
    require_shown("/--list: names no case");
    require_closing(0, 1, 0);
}

CASE(list_unknown_key)
{
    RUN("list_unknown_key", own_path());
    require_shown("/--list: has a line that is not understood");
    require_closing(0, 1, 0);
}

CASE(list_same_name)
{
    RUN("list_same_name", own_path());
    require_shown("two cases are named row_hello");
    require_closing(0, 1, 0);
}

CASE(list_after_noise)
{
    RUN("list_after_noise", "-f", "/row_", own_path());
    require_closing(1, 0, 0);
}

CASE(no_such_program)
{
    char path[PATH_MAX];
    RUN("row_hello", "-f", "/row_", harness_path(path, "no such program"), own_path());
    require_shown("no such program/--list: expected status 0, got status 127");
    require_closing(1, 1, 0);
}

/* Generated cases come last. */
CASE(source_order)
{
    char command[PATH_MAX + 64];
    FILE *list;
    snprintf(command, sizeof command, "'%s' --list", own_path());
    list = popen(command, "r");
    require(list != NULL);
    outcome.length = fread(outcome.text, 1, sizeof outcome.text - 1, list);
    require_eq(pclose(list), 0);
    require_shown("\nlist_fails\n\tdone\nlist_killed\n\tdone\nlist_empty\n");
    require_shown("\nall_one_by_one\ttimeout=60\tslow=1\n");
    require(strstr(outcome.text, "\nsource_order") < strstr(outcome.text, "\nrow_hello"));
}

/* ---- a script ------------------------------------------------------------------------------ */

static const char script[] =
    "#!/bin/sh\n"
    "case \"$1 $2\" in\n"
    "'--list ') printf 'one\\n\\thello\\n\\t\\n\\tend*\\ntwo\\tstatus=4\\nthree\\n' ;;\n"
    "'--case one') echo hello; echo; echo ending ;;\n"
    "'--case two') exit 4 ;;\n"
    "*) echo 'SKIP: not now'; exit 77 ;;\n"
    "esac\n";

static void write_script(char path[PATH_MAX])
{
    const char *dir = getenv("TMPDIR");
    int fd;
    snprintf(path, PATH_MAX, "%s/sanity-XXXXXX", dir != NULL ? dir : P_tmpdir);
    fd = mkstemp(path);
    require(fd >= 0);
    require(write(fd, script, sizeof script - 1) == sizeof script - 1);
    require(fchmod(fd, 0700) == 0);
    close(fd);
}

CASE(shell_script)
{
    char path[PATH_MAX];
    write_script(path);
    RUN("", path);
    unlink(path);
    require_shown("/three: not now\n");
    require_closing(2, 0, 1);
}

/* ---- what this program lists --------------------------------------------------------------- */

/* Stands for a library whose constructor speaks, when a program is listed as when it is run. */
static void add_noisy_row(void)
{
    struct test_case noisy = rows[0].test;
    noisy.expect = "not a case\tat all\nhello\n";
    say("not a case\tat all");
    harness_add(&noisy);
}

static void spoil_list(const char *inner)
{
    if (strcmp(inner, "list_fails") == 0) {
        fputs("cannot list\n", stderr);
        _exit(3);
    }
    if (strcmp(inner, "list_killed") == 0)
        raise(SIGKILL);
    if (strcmp(inner, "list_empty") == 0)
        _exit(0);
    if (strcmp(inner, "list_unknown_key") == 0) {
        say("row_hello\tcolour=1");
        _exit(0);
    }
    if (strcmp(inner, "list_same_name") == 0) {
        harness_add(&rows[0].test);
        harness_add(&rows[0].test);
    }
    if (strcmp(inner, "list_after_noise") == 0)
        add_noisy_row();
}

/* SANITY_INNER is the name of one row, `row_` for all, or what is wrong with the list. */
static void add_inner(const char *inner)
{
    bool all = strcmp(inner, "row_") == 0;
    for (int i = 0; i < ROWS; i++)
        if (all || strcmp(inner, rows[i].test.name) == 0)
            harness_add(&rows[i].test);
    spoil_list(inner);
}

static void add_outer(void)
{
    for (int i = 0; i < ROWS; i++)
        harness_add(&(struct test_case){
            .name = rows[i].test.name,
            .run = check_row,
            .data = &rows[i],
            .timeout = 2 * LONGER,
        });
}

void harness_setup(void)
{
    const char *inner = getenv("SANITY_INNER");
    if (inner != NULL)
        add_inner(inner);
    else
        add_outer();
}
