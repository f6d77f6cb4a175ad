/* SPDX-License-Identifier: MIT
 *
 * check.c - fini check: reads libraries, and tries them if asked to.
 *
 * Decides which files count, and the exit status. Leaves reading to reader.c, trying to probe.c,
 * showing to report.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "files.h"
#include "probe.h"
#include "reader.h"
#include "report.h"
#include "text.h"

struct options {
    bool probe, quiet, zero_bytes;
    int seconds;
    const char *format, *colour;
};

struct checking {
    const struct options *options;
    const struct report *report;
    struct totals totals;
    bool findings, failed;
};

static int help(void)
{
    puts("Usage: fini check [OPTION...] FILE|FOLDER|-...\n"
         "\n"
         "Says whether each library will unload, and why not. Folders are gone through with all\n"
         "in them; `-` means names on standard input. Nothing is run unless --probe is given.\n"
         "\n"
         "  -p, --probe            also load and unload each in a process of its own, and say\n"
         "                         what really happened\n"
         "  -t, --timeout=SECONDS  for each probe (10)\n"
         "  -f, --format=FORMAT    text or json (text)\n"
         "  -c, --color=WHEN       auto, always or never (auto)\n"
         "  -q, --quiet            only errors, and the exit status\n"
         "  -0, --null             names on standard input end in a zero byte\n"
         "  -h, --help             this\n"
         "\n"
         "Exit status: 0 nothing found, 1 findings, 2 errors.");
    return STATUS_NOTHING;
}

/* In a folder there is much that is no library; what is named is to be one. */
static bool counts(const struct file *file, struct image *image)
{
    if (image->error[0] || image->kind == KIND_LIBRARY)
        return true;
    if (file->named)
        image_fail(image, image->kind == KIND_PROGRAM ? "a program, not a shared library" :
                   "not a shared library (ELF, PE or Mach-O)");
    return file->named;
}

static void count(struct totals *totals, const struct result *result)
{
    totals->files++;
    if (result->image->error[0]) {
        totals->failed++;
        return;
    }
    totals->verdict[result_verdict(result)]++;
    for (int i = 0; i < FINDING_COUNT; i++)
        totals->found[i] += result->image->found[i].total > 0;
}

static void check_file(struct checking *checking, const struct file *file)
{
    static struct image image;
    struct result result = {file->path, &image, PROBE_UNKNOWN};
    reader_read(file->path, &image);
    if (!counts(file, &image))
        return;
    if (checking->options->probe && !image.error[0] && image.format == FORMAT_ELF)
        result.probe = probe_run(file->path, checking->options->seconds, &image);
    count(&checking->totals, &result);
    checking->findings |= image_has_findings(&image);
    checking->failed |= image.error[0] || result.probe == PROBE_FAILED;
    if (result.probe == PROBE_FAILED)
        text_error(file->path, "the probe could not be started");
    text_progress_end();
    checking->report->file(&result);
}

static int check_all(struct checking *checking, const struct files *files)
{
    checking->report->begin();
    for (size_t i = 0; i < files->count; i++) {
        if (files->count > 1)
            text_progress(i, files->count, files->list[i].path);
        check_file(checking, &files->list[i]);
    }
    text_progress_end();
    checking->report->end(&checking->totals);
    if (files->failed || checking->failed)
        return STATUS_ERROR;
    return checking->findings ? STATUS_FINDINGS : STATUS_NOTHING;
}

static bool parse_seconds(const char *text, int *ret)
{
    char *end;
    long seconds = strtol(text, &end, 10);
    if (end == text || *end || seconds < 1 || seconds > 86400)
        return false;
    *ret = (int)seconds;
    return true;
}

static const struct option long_options[] = {
    {"probe", no_argument, NULL, 'p'},   {"timeout", required_argument, NULL, 't'},
    {"format", required_argument, NULL, 'f'}, {"color", required_argument, NULL, 'c'},
    {"quiet", no_argument, NULL, 'q'},   {"null", no_argument, NULL, '0'},
    {"help", no_argument, NULL, 'h'},    {0}};

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *ret)
{
    for (int option; (option = getopt_long(argc, argv, "pt:f:c:q0h", long_options, NULL)) != -1;) {
        switch (option) {
        case 'p': ret->probe = true; break;
        case 'q': ret->quiet = true; break;
        case '0': ret->zero_bytes = true; break;
        case 'f': ret->format = optarg; break;
        case 'c': ret->colour = optarg; break;
        case 'h': return help();
        case 't':
            if (!parse_seconds(optarg, &ret->seconds))
                return command_misused("check", "--timeout is a number of seconds, 1 to 86400");
            break;
        default: return command_misused("check", NULL);
        }
    }
    return -1;
}

int check_run(int argc, char **argv)
{
    struct options options = {.seconds = 10, .format = "text", .colour = "auto"};
    struct checking checking = {.options = &options};
    struct files files = {NULL, 0, false};
    command_await_children();
    int status = parse(argc, argv, &options);
    if (status >= 0)
        return status;
    if (!text_choose_colour(options.colour))
        return command_misused("check", "--color is auto, always or never");
    checking.report = report_find(options.format, options.quiet);
    if (!checking.report)
        return command_misused("check", "--format is text or json");
    if (optind == argc)
        return command_misused("check", "no file");
    for (int i = optind; i < argc; i++)
        files_add(&files, argv[i], options.zero_bytes);
    status = check_all(&checking, &files);
    files_free(&files);
    return status;
}
