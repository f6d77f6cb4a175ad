/* SPDX-License-Identifier: MIT
 *
 * trace.c - fini trace: what is asked for, and the way from the program's events to the report.
 *
 * Decides: the program itself is traced, not its children. Leaves the process to trace_program.c,
 * its events to trace_ring.c, and what they mean to trace_model.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "command.h"
#include "refusal.h"
#include "text.h"
#include "trace_program.h"
#include "trace_ring.h"
#include "trace_show.h"

struct options {
    const char *format, *output, *colour;
    bool quiet;
    int findings_status;        /* 0: the program's own */
};

static const struct show *show;
static FILE *output;
static struct trace_ring ring;

static int help(void)
{
    puts("Usage: fini trace [OPTION...] [--] COMMAND [ARGUMENT...]\n"
         "\n"
         "Runs a program and reports what it loads and unloads, what kept a library from\n"
         "unloading, what pointed into a library when it went, and which threads were inside one\n"
         "that was finalized. A crash because of that is reported with its cause.\n"
         "\n"
         "  -f, --format=FORMAT           text, json or trace-event, for Perfetto (text)\n"
         "  -o, --output=FILE             write the report there, not to standard error\n"
         "  -q, --quiet                   only findings and crashes\n"
         "  -s, --findings-status=NUMBER  exit with that status when something was found\n"
         "  -c, --color=WHEN              auto, always or never (auto)\n"
         "  -h, --help                    this\n"
         "\n"
         "Exit status: that of COMMAND, or death by the same signal; 2 wrong usage, or nothing\n"
         "could be traced before it began; 126 it cannot be run, 127 there is none.");
    return STATUS_NOTHING;
}

static int follow(struct model *model)
{
    int status = 0;
    for (;;) {
        trace_ring_read(&ring, model);
        if (program_has_ended(&status))
            break;
        program_stop_along();
        trace_ring_wait(&ring);
    }
    trace_ring_read_rest(&ring, model);
    return status;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void tell_end(struct model *model, int status)
{
    char text[80];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "by %s", model_signal((uint64_t)WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "with status %d", WEXITSTATUS(status));
    model_end(model, now(), text);
}

static void show_note(struct model *model, const struct note *note)
{
    show->note(output, model, note);
}

static int finish(struct model *model, int status, const struct options *options)
{
    tell_end(model, status);
    show->end(output, model);
    bool written = fflush(output) == 0 && !ferror(output);
    if (!written)
        text_error(options->output, "the report could not be written");
    if (!model->connected)
        text_error(NULL, "nothing was traced: the loader did not take the agent in");
    if (model->findings && options->findings_status)
        return options->findings_status;
    if (WIFSIGNALED(status))
        return program_die_of(WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int trace(char **command, const struct options *options)
{
    static struct model model = {.show = show_note};
    int fd;
    if (!trace_ring_open(&ring, &fd)) {
        text_error(NULL, "no memory to be shared: %s", strerror(errno));
        return STATUS_ERROR;
    }
    model.begin = now();
    model.process = program_start(command, fd);
    if (model.process < 0) {
        text_error(NULL, "%s", strerror(errno));
        return STATUS_ERROR;
    }
    unsetenv("DEBUGINFOD_URLS");
    show->begin(output, &model, command);
    int status = follow(&model);
    status = finish(&model, status, options);
    model_free(&model);
    return status;
}

/* ---- options --------------------------------------------------------------------------------- */

static bool parse_status(const char *text, int *ret)
{
    char *end;
    long status = strtol(text, &end, 10);
    *ret = (int)status;
    return end != text && !*end && status >= 1 && status <= 255;
}

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'},
    {"quiet", no_argument, NULL, 'q'}, {"findings-status", required_argument, NULL, 's'},
    {"color", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *ret)
{
    for (int option; (option = getopt_long(argc, argv, "+f:o:qs:c:h", long_options, NULL)) != -1;) {
        switch (option) {
        case 'f': ret->format = optarg; break;
        case 'o': ret->output = optarg; break;
        case 'c': ret->colour = optarg; break;
        case 'q': ret->quiet = true; break;
        case 'h': return help();
        case 's':
            if (!parse_status(optarg, &ret->findings_status))
                return command_misused("trace", "--findings-status is a number, 1 to 255");
            break;
        default: return command_misused("trace", NULL);
        }
    }
    return -1;
}

/* As text.h has it, for the file that the report goes to. */
static int choose_colour(const struct options *options)
{
    bool shown = strcmp(options->colour, "always") == 0;
    if (!text_choose_colour(options->colour))
        return command_misused("trace", "--color is auto, always or never");
    if (strcmp(options->colour, "auto") == 0)
        shown = text_may_be_coloured(output);
    trace_text_choose(options->output ? "" : "fini: ", shown, options->quiet);
    return -1;
}

static int open_output(const struct options *options)
{
    output = options->output ? fopen(options->output, "we") : stderr;
    if (output)
        return -1;
    text_error(options->output, "%s", strerror(errno));
    return STATUS_ERROR;
}

static int check(const struct options *options, int argc, char **argv)
{
    show = trace_show_find(options->format);
    if (!show)
        return command_misused("trace", "--format is text, json or trace-event");
    if (optind == argc)
        return command_misused("trace", "no command");
    const char *why = refusal_found(argv[optind]);
    if (!why)
        return -1;
    text_error(argv[optind], "%s", why);
    return STATUS_ERROR;
}

int trace_run(int argc, char **argv)
{
    struct options options = {.format = "text", .colour = "auto"};
    int status = parse(argc, argv, &options);
    if (status < 0)
        status = check(&options, argc, argv);
    if (status < 0)
        status = open_output(&options);
    if (status < 0)
        status = choose_colour(&options);
    return status < 0 ? trace(argv + optind, &options) : status;
}
