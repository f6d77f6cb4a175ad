/* SPDX-License-Identifier: MIT
 *
 * why.c - fini why: what keeps a library in a process that runs.
 *
 * Decides which images are meant, and the exit status. Leaves stopping to live_stop.c, what keeps
 * them to why_keep.c, showing to why_text.c and why_json.c.
 *
 * The work is done in a child, since libdw reads files of the process, which may be made to crash
 * it; by then the process runs again.
 */
#include "why.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

enum { SECONDS = 60, SECONDS_IN_ALL = 300 };    /* of the processor; by the clock */
static const uint64_t memory_most = 4ull << 30;

struct options {
    bool quiet, verbose, no_stop;
    const char *format, *colour, *library;
    pid_t pid;
};

static int help(void)
{
    puts("Usage: fini why [OPTION...] PID [LIBRARY]\n"
         "\n"
         "Says of a process that runs which of its libraries cannot be unloaded, and why not; of\n"
         "LIBRARY (a soname, a name, a path or a pattern) also which threads are inside it, and\n"
         "where. The process is stopped for milliseconds, and left as it was.\n"
         "\n"
         "  -n, --no-stop        do not stop it; nothing is then known of its threads\n"
         "  -f, --format=FORMAT  text or json (text)\n"
         "  -c, --color=WHEN     auto, always or never (auto)\n"
         "  -v, --verbose        also whole stacks, and for how long it stood\n"
         "  -q, --quiet          only errors, and the exit status\n"
         "  -h, --help           this\n"
         "\n"
         "Exit status: 0 nothing keeps it, or it is not loaded; 1 something does; 2 errors, or it\n"
         "cannot be known. Without LIBRARY what was there at the start does not count.");
    return STATUS_NOTHING;
}

const struct live_frame *why_inside(const struct live_stack *stack, size_t image)
{
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frames[i].image == image)
            return &stack->frames[i];
    return NULL;
}

/* ---- which are meant ----------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *end = strrchr(path, '/');
    return end ? end + 1 : path;
}

static bool matches(const char *name, const char *library)
{
    return strcmp(name, library) == 0 || fnmatch(library, name, 0) == 0 ||
           fnmatch(library, base_name(name), 0) == 0;
}

static bool is_meant(const struct live_image *image, const char *library, const char *real)
{
    const char *names[] = {image->path, image->name, image->soname};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] && names[i][0] && matches(names[i], library))
            return true;
    return real && image->path && strcmp(image->path, real) == 0;
}

static bool select_images(struct why *why)
{
    const struct live_images *images = &why->snapshot.images;
    char *real = why->library ? realpath(why->library, NULL) : NULL;
    why->selected = calloc(images->count, sizeof *why->selected);
    for (size_t i = 0; why->selected && i < images->count; i++) {
        why->selected[i] = !why->library || is_meant(&images->list[i], why->library, real);
        why->selected_count += why->selected[i];
    }
    free(real);
    return why->selected != NULL;
}

/* ---- finding out --------------------------------------------------------------------------- */

static bool fail(struct why *why, const char *error)
{
    snprintf(why->process.error, sizeof why->process.error, "%s", error);
    return false;
}

static bool copy(struct why *why, pid_t pid)
{
    char id[BUILD_ID_SIZE], root[LIVE_PATH_SIZE];
    memset(&why->layout, 0, sizeof why->layout);
    if (!live_process_open(pid, &why->process))
        return false;
    live_path(&why->process, "", root);
    if (!why->process.is_musl && live_build_id(why->process.reader, why->process.loader, id))
        live_layout_find(id, root, &why->layout);
    return live_stop(&why->process, &why->layout, why->stopped, &why->snapshot);
}

/* An exec between two steps leaves a mixture of two programs; then it is begun again. */
static bool copy_with_patience(struct why *why, pid_t pid)
{
    static const struct timespec moment = {0, 3000000};
    bool another = false;
    for (int i = 0; i < 5; i++) {
        bool copied = copy(why, pid);
        another = live_process_is_another(&why->process);
        if (copied && !another)
            return true;
        live_snapshot_free(&why->snapshot);
        nanosleep(&moment, NULL);
    }
    return another ? fail(why, "it becomes another program all the time") : false;
}

static bool find_out(struct why *why, pid_t pid)
{
    if (!copy_with_patience(why, pid))
        return false;
    if (!live_mappings_read(why->process.reader, &why->mappings)) {
        live_process_refused(&why->process, errno);
        return false;
    }
    if (!live_images_complete(&why->process, &why->mappings, &why->snapshot.images))
        return fail(why, "its images need more than can be true");
    if (why->stopped && why->stacks_wanted)
        live_stacks_read(&why->process, &why->mappings, &why->snapshot, &why->stacks);
    why->keeping = keep_find(&why->snapshot.images, why->process.is_musl);
    if (why->keeping && select_images(why))
        return true;
    return fail(why, "no memory");
}

/* What was there at the start stays for ever, and nobody wonders. */
static bool counts(const struct why *why, size_t i)
{
    return why->selected[i] && (why->library || !why->keeping[i].keeps[KEEP_STARTUP].count);
}

static int status_of(const struct why *why)
{
    enum keep_state most = STATE_FREE;
    static const int statuses[] = {STATUS_NOTHING, STATUS_ERROR, STATUS_FINDINGS};
    for (size_t i = 0; i < why->snapshot.images.count; i++)
        if (counts(why, i) && why->keeping[i].state > most)
            most = why->keeping[i].state;
    return statuses[most];
}

static void release(struct why *why)
{
    keep_free(why->keeping, why->snapshot.images.count);
    live_stacks_free(&why->stacks);
    live_mappings_free(&why->mappings);
    live_snapshot_free(&why->snapshot);
    free(why->selected);
}

static int look(const struct options *options)
{
    static struct why why;
    char subject[32];
    int status = STATUS_ERROR;
    why.library = options->library;
    why.stopped = !options->no_stop;
    why.verbose = options->verbose;
    why.stacks_wanted = !options->quiet;
    snprintf(subject, sizeof subject, "%ld", (long)options->pid);
    if (!find_out(&why, options->pid)) {
        text_error(subject, "%s", why.process.error);
    } else {
        status = status_of(&why);
        if (strcmp(options->format, "json") == 0 && !options->quiet)
            why_json(&why);
        else if (!options->quiet)
            why_text(&why);
    }
    release(&why);
    return command_finish(status);
}

static void limit(int what, uint64_t most)
{
    struct rlimit limits = {most, most + 1}; /* SIGXCPU before SIGKILL */
    setrlimit((__rlimit_resource_t)what, &limits);
}

/* For the sake of files that are made to take all there is, and of memory that never comes. */
static void set_limits(void)
{
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    signal(SIGALRM, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(SECONDS_IN_ALL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, SECONDS);
#ifndef __SANITIZE_ADDRESS__
    limit(RLIMIT_DATA, memory_most);
#endif
}

static int judge(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    if (WTERMSIG(status) == SIGXCPU)
        text_error(NULL, "looking at it takes more than %d seconds", SECONDS);
    else if (WTERMSIG(status) == SIGALRM)
        text_error(NULL, "looking at it takes more than %d seconds", SECONDS_IN_ALL);
    else
        text_error(NULL, "whoever looks at it crashes (%s)", strsignal(WTERMSIG(status)));
    return STATUS_ERROR;
}

static int look_in_child(const struct options *options)
{
    int status;
    fflush(stdout);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        set_limits();
        _exit(getppid() == parent ? look(options) : STATUS_ERROR);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        text_error(NULL, "no process can be started");
        return STATUS_ERROR;
    }
    return judge(status);
}

/* ---- options ------------------------------------------------------------------------------- */

static const struct option long_options[] = {
    {"no-stop", no_argument, NULL, 'n'}, {"format", required_argument, NULL, 'f'},
    {"color", required_argument, NULL, 'c'}, {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},   {"help", no_argument, NULL, 'h'}, {0}};

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *ret)
{
    for (int option; (option = getopt_long(argc, argv, "nf:c:vqh", long_options, NULL)) != -1;) {
        switch (option) {
        case 'n': ret->no_stop = true; break;
        case 'f': ret->format = optarg; break;
        case 'c': ret->colour = optarg; break;
        case 'v': ret->verbose = true; break;
        case 'q': ret->quiet = true; break;
        case 'h': return help();
        default: return command_misused("why", NULL);
        }
    }
    return -1;
}

static bool parse_pid(const char *text, pid_t *ret)
{
    char *end;
    errno = 0;
    long pid = strtol(text, &end, 10);
    if (end == text || *end || errno || pid < 1 || pid > INT_MAX)
        return false;
    *ret = (pid_t)pid;
    return true;
}

int why_run(int argc, char **argv)
{
    struct options options = {.format = "text", .colour = "auto"};
    int status = parse(argc, argv, &options);
    if (status >= 0)
        return status;
    if (!text_choose_colour(options.colour))
        return command_misused("why", "--color is auto, always or never");
    if (strcmp(options.format, "text") != 0 && strcmp(options.format, "json") != 0)
        return command_misused("why", "--format is text or json");
    if (argc - optind < 1 || argc - optind > 2)
        return command_misused("why", optind == argc ? "no process" : "one library at a time");
    if (!parse_pid(argv[optind], &options.pid))
        return command_misused("why", "PID is a number");
    if (options.pid == getpid())
        return command_misused("why", "PID is fini itself");
    options.library = argv[optind + 1];
    command_await_children();
    return look_in_child(&options);
}
