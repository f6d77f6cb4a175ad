/* SPDX-License-Identifier: MIT
 *
 * pin.c - fini pin: sets or clears NODELETE in a built library.
 *
 * Decides what is safe: see pin_elf.c for the bytes, pin_file.c for the file. Leaves to probe.c to
 * try the result, when asked to.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "pin.h"
#include "probe.h"
#include "reader.h"
#include "text.h"

struct options {
    bool unpin, try, quiet;
    const char *output;
};

static int help(void)
{
    puts("Usage: fini pin [OPTION...] FILE\n"
         "\n"
         "Sets the mark NODELETE in a built ELF library, so that it is never unloaded, or clears\n"
         "it. Only that mark changes; the file is replaced as a whole or not at all.\n"
         "\n"
         "  -u, --unpin          clear the mark\n"
         "  -o, --output=OUTPUT  write there, and leave FILE as it is\n"
         "  -t, --try            load the result in a process of its own first, and go on only\n"
         "                       where it stays, or goes, as it is to\n"
         "  -q, --quiet          only errors\n"
         "  -h, --help           this\n"
         "\n"
         "Exit status: 0 done, or nothing was to be done; 2 not done.");
    return STATUS_NOTHING;
}

/* A library with another reason to stay cannot be tried for going. */
static const char *try(const char *path, bool unpin)
{
    static struct image image;
    memset(&image, 0, sizeof image);
    switch (probe_run(path, 10, &image)) {
    case PROBE_STAYS: return unpin ? "it stays all the same: `fini check` says why" : NULL;
    case PROBE_GONE: return unpin ? NULL : "this loader unloads it all the same";
    case PROBE_REFUSED: return "it cannot be loaded here, so it cannot be tried";
    case PROBE_AT_STARTUP: return "it is a part of every process, so it cannot be tried";
    case PROBE_FAILED: return "the probe could not be started";
    default: return "it ends the process that loads and unloads it: `fini check --probe` says how";
    }
}

static int write_result(const char *place, struct pin_file *file, const struct options *options)
{
    const char *error = pin_file_prepare(file, place);
    if (!error && options->try)
        error = try(file->new_path, options->unpin);
    if (!error)
        error = pin_file_commit(file);
    if (!error)
        return STATUS_NOTHING;
    text_error(place, "%s", error);
    return STATUS_ERROR;
}

/* What is marked because it must be. */
static const char *needs_mark(const char *path)
{
    static struct image image;
    reader_read(path, &image);
    if (image.error[0])
        return image.error;
    return image.found[FINDING_GO].total ?
           "it has the Go runtime, whose threads would run on in unmapped code" : NULL;
}

static int pin(const char *input, const struct options *options)
{
    struct pin_file file;
    enum pin_change change = PIN_SAME;
    int status = STATUS_ERROR;
    const char *place = options->output ? options->output : input;
    const char *error = pin_file_open(input, &file);
    if (!error)
        error = pin_elf(file.bytes, file.size, !options->unpin, &change);
    if (!error && options->unpin && change == PIN_CHANGED)
        error = needs_mark(input);
    if (error)
        text_error(input, "%s", error);
    else if (change == PIN_SAME && !options->output)
        status = STATUS_NOTHING;
    else
        status = write_result(place, &file, options);
    if (status == STATUS_NOTHING && !options->quiet) {
        text_print(COLOUR_STRONG, place);
        printf(": %s%s\n", change == PIN_SAME ? "already " : "",
               options->unpin ? "not pinned" : "pinned");
    }
    pin_file_close(&file);
    return status;
}

static const struct option long_options[] = {
    {"unpin", no_argument, NULL, 'u'}, {"output", required_argument, NULL, 'o'},
    {"try", no_argument, NULL, 't'},   {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},  {0}};

int pin_run(int argc, char **argv)
{
    struct options options = {0};
    text_choose_colour("auto");
    command_await_children();
    for (int option; (option = getopt_long(argc, argv, "uo:tqh", long_options, NULL)) != -1;) {
        switch (option) {
        case 'u': options.unpin = true; break;
        case 'o': options.output = optarg; break;
        case 't': options.try = true; break;
        case 'q': options.quiet = true; break;
        case 'h': return help();
        default: return command_misused("pin", NULL);
        }
    }
    if (argc - optind != 1)
        return command_misused("pin", optind == argc ? "no file" : "one file at a time");
    return pin(argv[optind], &options);
}
