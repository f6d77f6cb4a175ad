/* SPDX-License-Identifier: MIT
 *
 * runner.c - runs the cases of test programs, each in a process of its own, and judges them.
 *
 *     runner [-j N] [-v] [-f SUBSTRING] [--times N] PROGRAM...
 *
 * Decides whether a case passed: by its exit status or signal, by its transcript, and by its
 * time. Leaves to the programs what their cases do and what is expected of them. A case is never
 * believed: it may call exit(0), crash, hang, or leave children behind.
 *
 * The protocol. PROGRAM is anything that can be executed, a script too.
 *
 *   --list       prints a line for each case: its name, then, each after a tab, what is not the
 *                default of timeout=10 (seconds), status=0, signal=0 (death by it, instead of a
 *                status), slow=0 (1: start it early). Lines that begin with a tab follow it: the
 *                expected transcript. A line `cases:` makes the runner forget what came before.
 *   --case NAME  runs one. Standard output is the transcript, standard error is for people.
 *
 * A line of the transcript is right when it is the same as the expected one, or when it matches
 * it with `*` for any text. A case that ends with status 77 and `SKIP: reason` as its last line
 * is skipped. -f takes the cases whose PROGRAM/NAME contains the text.
 *
 * The last line printed is `N passed, N failed, N skipped`. The exit status is 0 when none failed
 * and at least one passed, 1 when not, 2 for a wrong command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TIMEOUT = 10,            /* seconds */
    STATUS_SKIPPED = 77,
    HEAD_LIMIT = 4 << 20,    /* of a transcript the beginning is kept */
    TAIL_LIMIT = 64 << 10,   /* of standard error the end */
    CHUNK = 16 << 10,
    SHOWN_LINES = 20,        /* of each part of a report */
    SHOWN_BYTES = 400        /* of each line */
};

struct lines {
    char **line;
    size_t count;
};

struct program {
    const char *path;
    const char *name;        /* the last part of the path */
    char *listing;           /* what the cases point into */
};

struct test {
    const struct program *program;
    const char *name;
    struct lines expected;
    int timeout;
    int status;
    int signal;
    int slow;
};

struct capture {
    int fd;                  /* -1 when closed */
    char *text;
    size_t length;
    size_t size;
    size_t limit;
    bool keep_tail;
    bool cut;
};

struct job {
    const struct test *test; /* NULL: a free slot */
    pid_t pid;
    double started;
    bool timed_out;
    int wait_status;
    struct capture out;
    struct capture err;
};

enum verdict { PASSED, FAILED, SKIPPED };

static struct {
    long jobs;
    long times;
    bool verbose;
    const char *filter;
} options;

static struct test *tests;
static size_t test_count;
static size_t verdicts[3];
static sigset_t mask_of_waiting;

/* ---- small things -------------------------------------------------------------------------- */

__attribute__((noreturn)) static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void *grow(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL)
        die("realloc");
    return memory;
}

/* True when one more element needs more room: at 0, 1, 2, 4, 8, ... */
static bool is_full(size_t count)
{
    return (count & (count - 1)) == 0;
}

static void lines_add(struct lines *lines, char *line)
{
    if (is_full(lines->count))
        lines->line = grow(lines->line, (lines->count * 2 + 1) * sizeof *lines->line);
    lines->line[lines->count++] = line;
}

/* Cuts the text into lines, in place. */
static struct lines lines_split(char *text)
{
    struct lines lines = {NULL, 0};
    while (text != NULL && *text != '\0') {
        char *end = strchr(text, '\n');
        lines_add(&lines, text);
        if (end != NULL)
            *end++ = '\0';
        text = end;
    }
    return lines;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- capturing ----------------------------------------------------------------------------- */

static void capture_make_room(struct capture *c, size_t n)
{
    if (c->length + n < c->size)
        return;
    c->size = (c->length + n) * 2;
    c->text = grow(c->text, c->size);
}

static void capture_drop_oldest(struct capture *c)
{
    size_t dropped = c->length / 2;
    c->length -= dropped;
    memmove(c->text, c->text + dropped, c->length);
}

static void capture_add(struct capture *c, const char *data, size_t n)
{
    if (c->length + n > c->limit) {
        c->cut = true;
        if (c->keep_tail)
            capture_drop_oldest(c);
        else
            n = c->limit - c->length;
    }
    capture_make_room(c, n);
    memcpy(c->text + c->length, data, n);
    c->length += n;
}

static void capture_close(struct capture *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* Reads once, at most n bytes, and returns how many came. The pipe does not block. */
static size_t capture_read(struct capture *c, size_t n)
{
    char chunk[CHUNK];
    ssize_t got = read(c->fd, chunk, n < sizeof chunk ? n : sizeof chunk);
    if (got > 0)
        capture_add(c, chunk, (size_t)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        capture_close(c);
    return got > 0 ? (size_t)got : 0;
}

/* Takes what is in the pipe now and no more: a child that got away may still hold it open, and
 * may write for ever. */
static void capture_finish(struct capture *c)
{
    int waiting = 0;
    if (c->fd >= 0 && ioctl(c->fd, FIONREAD, &waiting) < 0)
        waiting = 0;
    while (c->fd >= 0 && waiting > 0) {
        size_t got = capture_read(c, (size_t)waiting);
        if (got == 0)
            break;
        waiting -= (int)got;
    }
    capture_close(c);
    capture_make_room(c, 1);
    for (size_t i = 0; i < c->length; i++)
        if (c->text[i] == '\0')
            c->text[i] = '\1'; /* or it would hide the rest of its line */
    c->text[c->length] = '\0';
}

/* Returns the end for the child. */
static int capture_open(struct capture *c, size_t limit, bool keep_tail)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        die("pipe2");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *c = (struct capture){.fd = ends[0], .limit = limit, .keep_tail = keep_tail};
    return ends[1];
}

/* ---- processes ----------------------------------------------------------------------------- */

/* Whatever the runner was started with: a shell's background job ignores SIGINT, say. */
static void reset_signals(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A case that aborts on purpose leaves no core file, and none outlives the runner. */
static void set_limits(pid_t runner)
{
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(127);
}

__attribute__((noreturn))
static void become_case(const struct test *test, pid_t runner, int out, int err)
{
    const char *path = test->program->path;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    set_limits(runner);
    reset_signals();
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (test->name != NULL)
        execl(path, path, "--case", test->name, (char *)NULL);
    else
        execl(path, path, "--list", (char *)NULL);
    perror(path);
    _exit(127);
}

static void job_start(struct job *job, const struct test *test)
{
    pid_t runner = getpid();
    int out, err;
    *job = (struct job){.test = test, .started = now()};
    out = capture_open(&job->out, HEAD_LIMIT, false);
    err = capture_open(&job->err, TAIL_LIMIT, true);
    job->pid = fork();
    if (job->pid < 0)
        die("fork");
    if (job->pid == 0)
        become_case(test, runner, out, err);
    setpgid(job->pid, job->pid); /* here too: whoever is first */
    close(out);
    close(err);
}

static void job_kill(const struct job *job)
{
    kill(-job->pid, SIGKILL);
    kill(job->pid, SIGKILL);
}

/* The children it left are killed before it is waited for: until then the number of its process
 * group cannot be given to anyone else. */
static bool job_ended(struct job *job)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        die("waitid");
    if (info.si_pid == 0)
        return false;
    job_kill(job);
    waitpid(job->pid, &job->wait_status, 0);
    capture_finish(&job->out);
    capture_finish(&job->err);
    return true;
}

static void job_free(struct job *job)
{
    free(job->out.text);
    free(job->err.text);
    job->test = NULL;
}

static double job_time_left(const struct job *job)
{
    return job->started + job->test->timeout - now();
}

static void job_check_time(struct job *job)
{
    if (job->timed_out || job_time_left(job) > 0)
        return;
    job->timed_out = true;
    job_kill(job);
}

/* ---- waiting for several jobs -------------------------------------------------------------- */

static void wake_up(int signal_number)
{
    (void)signal_number;
}

/* SIGCHLD is open only inside ppoll, so that none is missed. */
static void prepare_waiting(void)
{
    struct sigaction action = {.sa_handler = wake_up};
    sigset_t blocked;
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &mask_of_waiting);
    sigdelset(&mask_of_waiting, SIGCHLD);
}

static struct timespec next_deadline(const struct job *jobs, size_t count)
{
    double least = 3600;
    for (size_t i = 0; i < count; i++) {
        double left = job_time_left(&jobs[i]);
        if (!jobs[i].timed_out && left < least)
            least = left > 0 ? left : 0;
    }
    return (struct timespec){(time_t)least, (long)((least - (double)(time_t)least) * 1e9)};
}

/* Returns after something has happened. All of the jobs are running. */
static void wait_for_any(struct job *jobs, size_t count, struct pollfd *polled)
{
    struct timespec limit = next_deadline(jobs, count);
    for (size_t i = 0; i < count; i++) {
        polled[2 * i] = (struct pollfd){.fd = jobs[i].out.fd, .events = POLLIN};
        polled[2 * i + 1] = (struct pollfd){.fd = jobs[i].err.fd, .events = POLLIN};
    }
    if (ppoll(polled, 2 * count, &limit, &mask_of_waiting) <= 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (polled[2 * i].revents != 0)
            capture_read(&jobs[i].out, CHUNK);
        if (polled[2 * i + 1].revents != 0)
            capture_read(&jobs[i].err, CHUNK);
    }
}

/* ---- judging ------------------------------------------------------------------------------- */

/* In a pattern of ours only the star is special. */
static bool matches_pattern(const char *expected, const char *got)
{
    char *pattern = grow(NULL, 2 * strlen(expected) + 1);
    char *end = pattern;
    bool matches;
    for (; *expected != '\0'; expected++) {
        if (strchr("?[\\", *expected) != NULL)
            *end++ = '\\';
        *end++ = *expected;
    }
    *end = '\0';
    matches = fnmatch(pattern, got, 0) == 0;
    free(pattern);
    return matches;
}

static bool line_is_right(const char *expected, const char *got)
{
    if (strcmp(expected, got) == 0)
        return true;
    return strchr(expected, '*') != NULL && matches_pattern(expected, got);
}

/* How many lines are right from the beginning. */
static size_t right_at_head(const struct lines *expected, const struct lines *got)
{
    size_t n = 0;
    while (n < expected->count && n < got->count && line_is_right(expected->line[n], got->line[n]))
        n++;
    return n;
}

/* How many of the others are right from the end. */
static size_t right_at_tail(const struct lines *expected, const struct lines *got, size_t head)
{
    size_t n = 0;
    while (n < expected->count - head && n < got->count - head
           && line_is_right(expected->line[expected->count - 1 - n],
                            got->line[got->count - 1 - n]))
        n++;
    return n;
}

static bool transcript_is_right(const struct job *job, const struct lines *got)
{
    const struct lines *expected = &job->test->expected;
    return !job->out.cut && expected->count == got->count
           && right_at_head(expected, got) == got->count;
}

static bool end_is_right(const struct job *job)
{
    int status = job->wait_status;
    if (job->timed_out)
        return false;
    if (job->test->signal != 0)
        return WIFSIGNALED(status) && WTERMSIG(status) == job->test->signal;
    return WIFEXITED(status) && WEXITSTATUS(status) == job->test->status;
}

static const char *skip_reason(const struct job *job, const struct lines *got)
{
    static const char mark[] = "SKIP: ";
    const char *last = got->count > 0 ? got->line[got->count - 1] : "";
    if (job->timed_out || job->out.cut || !WIFEXITED(job->wait_status))
        return NULL;
    if (WEXITSTATUS(job->wait_status) != STATUS_SKIPPED)
        return NULL;
    if (strncmp(last, mark, sizeof mark - 1) != 0)
        return NULL;
    last += sizeof mark - 1;
    return last[strspn(last, " \t")] != '\0' ? last : NULL;
}

static enum verdict judge(const struct job *job, const struct lines *got)
{
    if (skip_reason(job, got) != NULL)
        return SKIPPED;
    return end_is_right(job) && transcript_is_right(job, got) ? PASSED : FAILED;
}

/* ---- reporting ----------------------------------------------------------------------------- */

static void print_line(const char *prefix, const char *line)
{
    size_t n = 0;
    fputs(prefix, stdout);
    for (; line[n] != '\0' && n < SHOWN_BYTES; n++) {
        unsigned char c = (unsigned char)line[n];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    puts(line[n] != '\0' ? " ..." : "");
}

static void print_range(const char *prefix, const struct lines *lines, size_t from, size_t to)
{
    size_t end = to - from > SHOWN_LINES ? from + SHOWN_LINES : to;
    for (size_t i = from; i < end; i++)
        print_line(prefix, lines->line[i]);
    if (end < to)
        printf("%s... and %zu lines more\n", prefix, to - end);
}

/* The right lines around show the place; of patterns, what came in their place is shown. */
static void print_transcript(const struct job *job, const struct lines *got)
{
    const struct lines *expected = &job->test->expected;
    size_t head = right_at_head(expected, got);
    size_t tail = right_at_tail(expected, got, head);
    puts("  transcript (- expected, + got):");
    print_range("      ", got, head > 3 ? head - 3 : 0, head);
    print_range("    - ", expected, head, expected->count - tail);
    print_range("    + ", got, head, got->count - tail);
    print_range("      ", got, got->count - tail, got->count - tail + (tail > 3 ? 3 : tail));
}

static void print_stderr(const struct job *job)
{
    struct lines lines = lines_split(job->err.text);
    size_t from = lines.count > SHOWN_LINES ? lines.count - SHOWN_LINES : 0;
    if (lines.count > 0)
        puts(from > 0 ? "  stderr (its end):" : "  stderr:");
    print_range("    ", &lines, from, lines.count);
    free(lines.line);
}

static void print_wanted_end(const struct test *test)
{
    if (test->signal != 0)
        printf("expected signal %d (%s)", test->signal, strsignal(test->signal));
    else
        printf("expected status %d", test->status);
}

static void print_end(const struct job *job)
{
    int status = job->wait_status;
    if (job->timed_out) {
        printf(": timed out after %d s", job->test->timeout);
        return;
    }
    printf(": ");
    print_wanted_end(job->test);
    if (WIFSIGNALED(status))
        printf(", got signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        printf(", got status %d", WEXITSTATUS(status));
}

static void print_label(const char *verdict, const struct test *test)
{
    printf("%s %s/%s", verdict, test->program->name, test->name != NULL ? test->name : "--list");
}

static void print_failure(const struct job *job, const struct lines *got)
{
    print_label("FAIL", job->test);
    if (!end_is_right(job))
        print_end(job);
    if (job->out.cut)
        printf(": more than %d bytes of output", HEAD_LIMIT);
    else if (!transcript_is_right(job, got))
        printf(": wrong transcript");
    puts("");
    if (!transcript_is_right(job, got))
        print_transcript(job, got);
    print_stderr(job);
}

static void print_skip(const struct job *job, const struct lines *got)
{
    print_label("skip", job->test);
    print_line(": ", skip_reason(job, got));
}

static void print_pass(const struct job *job)
{
    print_label("ok  ", job->test);
    printf(" %.3f s\n", now() - job->started);
}

static void report(const struct job *job)
{
    struct lines got = lines_split(job->out.text);
    enum verdict verdict = judge(job, &got);
    verdicts[verdict]++;
    if (verdict == FAILED)
        print_failure(job, &got);
    else if (verdict == SKIPPED)
        print_skip(job, &got);
    else if (options.verbose)
        print_pass(job);
    fflush(stdout);
    free(got.line);
}

/* ---- listing ------------------------------------------------------------------------------- */

static bool parse_number(const char *text, long least, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= least && *number <= 1000000;
}

static bool parse_key(struct test *test, char *field)
{
    struct { const char *key; int *value; } keys[] = {
        {"timeout", &test->timeout},
        {"status", &test->status},
        {"signal", &test->signal},
        {"slow", &test->slow},
    };
    char *value = strchr(field, '=');
    long number;
    if (value == NULL)
        return false;
    *value++ = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(field, keys[i].key) == 0 && parse_number(value, 0, &number)) {
            *keys[i].value = (int)number;
            return true;
        }
    return false;
}

static struct test *test_new(const struct program *program)
{
    if (is_full(test_count))
        tests = grow(tests, (test_count * 2 + 1) * sizeof *tests);
    tests[test_count] = (struct test){.program = program, .timeout = TIMEOUT};
    return &tests[test_count++];
}

/* A key that nobody knows is an error: a mistyped expectation must not pass for none. */
static bool parse_case(const struct program *program, char *line)
{
    struct test *test = test_new(program);
    char *rest = line;
    test->name = strsep(&rest, "\t");
    while (rest != NULL)
        if (!parse_key(test, strsep(&rest, "\t")))
            return false;
    return test->name[0] != '\0' && test->timeout > 0;
}

static void forget_tests(size_t from)
{
    while (test_count > from)
        free(tests[--test_count].expected.line);
}

/* A line of the list, for the cases from `first` on. */
static bool parse_line(const struct program *program, size_t first, char *line)
{
    if (line[0] != '\t')
        return parse_case(program, line);
    if (test_count == first)
        return false;
    lines_add(&tests[test_count - 1].expected, line + 1);
    return true;
}

/* What constructors said before `cases:` may be anything, so the parser starts behind it. */
static size_t line_to_start_at(const struct lines *lines)
{
    for (size_t i = lines->count; i > 0; i--)
        if (strcmp(lines->line[i - 1], "cases:") == 0)
            return i;
    return 0;
}

static const char *parse_listing(struct program *program)
{
    struct lines lines = lines_split(program->listing);
    size_t first = test_count;
    const char *problem = NULL;
    for (size_t i = line_to_start_at(&lines); i < lines.count && problem == NULL; i++)
        if (!parse_line(program, first, lines.line[i]))
            problem = "has a line that is not understood";
    if (problem == NULL && test_count == first)
        problem = "names no case";
    if (problem != NULL)
        forget_tests(first);
    free(lines.line);
    return problem;
}

static void list_failed(const struct job *job, const char *problem)
{
    verdicts[FAILED]++;
    print_label("FAIL", job->test);
    if (problem != NULL)
        printf(": %s", problem);
    else
        print_end(job);
    puts("");
    print_stderr(job);
    fflush(stdout);
}

static void list_program(struct program *program)
{
    struct test listing = {.program = program, .timeout = TIMEOUT};
    struct pollfd polled[2];
    struct job job;
    const char *problem = NULL;
    job_start(&job, &listing);
    do {
        wait_for_any(&job, 1, polled);
        job_check_time(&job);
    } while (!job_ended(&job));
    program->listing = job.out.text;
    job.out.text = NULL;
    if (job.out.cut)
        problem = "is too long";
    else if (end_is_right(&job))
        problem = parse_listing(program);
    if (problem != NULL || !end_is_right(&job))
        list_failed(&job, problem);
    job_free(&job);
}

static bool is_wanted(const struct test *test)
{
    char label[4096];
    if (options.filter == NULL)
        return true;
    snprintf(label, sizeof label, "%s/%s", test->program->name, test->name);
    return strstr(label, options.filter) != NULL;
}

static void drop_unwanted(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < test_count; i++) {
        if (is_wanted(&tests[i]))
            tests[kept++] = tests[i];
        else
            free(tests[i].expected.line);
    }
    test_count = kept;
}

/* ---- running ------------------------------------------------------------------------------- */

/* Slow ones first, or the end of the run waits for them alone. */
static const struct test **order_tests(void)
{
    const struct test **order = grow(NULL, (test_count + 1) * sizeof *order);
    size_t n = 0;
    for (size_t i = 0; i < test_count; i++)
        if (tests[i].slow)
            order[n++] = &tests[i];
    for (size_t i = 0; i < test_count; i++)
        if (!tests[i].slow)
            order[n++] = &tests[i];
    return order;
}

/* Returns how many are still running; they are moved to the front. */
static size_t settle_jobs(struct job *jobs, size_t running)
{
    for (size_t i = 0; i < running;) {
        job_check_time(&jobs[i]);
        if (!job_ended(&jobs[i])) {
            i++;
            continue;
        }
        report(&jobs[i]);
        job_free(&jobs[i]);
        jobs[i] = jobs[--running];
    }
    return running;
}

static void run_tests(void)
{
    const struct test **order = order_tests();
    size_t slots = (size_t)options.jobs;
    size_t total = test_count * (size_t)options.times;
    struct job *jobs = grow(NULL, slots * sizeof *jobs);
    struct pollfd *polled = grow(NULL, 2 * slots * sizeof *polled);
    size_t running = 0;
    for (size_t next = 0; next < total || running > 0;) {
        while (next < total && running < slots)
            job_start(&jobs[running++], order[next++ % test_count]);
        wait_for_any(jobs, running, polled);
        running = settle_jobs(jobs, running);
    }
    free(polled);
    free(jobs);
    free(order);
}

/* ---- the command line ---------------------------------------------------------------------- */

__attribute__((noreturn)) static void usage(void)
{
    fputs("usage: runner [-j N] [-v] [-f SUBSTRING] [--times N] PROGRAM...\n", stderr);
    exit(2);
}

static void parse_count(const char *text, long *number)
{
    if (!parse_number(text, 1, number))
        usage();
}

static void parse_options(int argc, char **argv)
{
    static const struct option names[] = {{"times", required_argument, NULL, 't'}, {0}};
    int option;
    options.jobs = sysconf(_SC_NPROCESSORS_ONLN);
    options.times = 1;
    while ((option = getopt_long(argc, argv, "j:vf:", names, NULL)) != -1) {
        if (option == 'j')
            parse_count(optarg, &options.jobs);
        else if (option == 't')
            parse_count(optarg, &options.times);
        else if (option == 'v')
            options.verbose = true;
        else if (option == 'f')
            options.filter = optarg;
        else
            usage();
    }
    if (options.jobs < 1)
        options.jobs = 1;
}

static struct program *list_programs(char **paths, size_t count)
{
    struct program *programs = calloc(count, sizeof *programs);
    if (programs == NULL)
        die("calloc");
    for (size_t i = 0; i < count; i++) {
        const char *slash = strrchr(paths[i], '/');
        programs[i].path = paths[i];
        programs[i].name = slash != NULL ? slash + 1 : paths[i];
        list_program(&programs[i]);
    }
    return programs;
}

static void free_all(struct program *programs, size_t count)
{
    forget_tests(0);
    free(tests);
    for (size_t i = 0; i < count; i++)
        free(programs[i].listing);
    free(programs);
}

int main(int argc, char **argv)
{
    struct program *programs;
    size_t count;
    parse_options(argc, argv);
    if (optind >= argc)
        usage();
    count = (size_t)(argc - optind);
    prepare_waiting();
    programs = list_programs(argv + optind, count);
    drop_unwanted();
    run_tests();
    free_all(programs, count);
    printf("%zu passed, %zu failed, %zu skipped\n", verdicts[PASSED], verdicts[FAILED],
           verdicts[SKIPPED]);
    return verdicts[FAILED] == 0 && verdicts[PASSED] > 0 ? 0 : 1;
}
