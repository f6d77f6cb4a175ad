/* SPDX-License-Identifier: MIT
 *
 * probe.h - what really happens when a library is loaded and unloaded.
 *
 * Decides: what is looked at, and the form in which the host of the probe (probe_host.c, a program
 * of its own that has nothing but libc) tells it: in memory that both share, so that a library
 * which closes all descriptors, forks, floods or crashes takes nothing away but itself.
 */
#ifndef COMMAND_PROBE_H
#define COMMAND_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "findings.h"
#include "image.h"

enum probe_stage { PROBE_STARTING, PROBE_LOADING, PROBE_UNLOADING, PROBE_LOOKING, PROBE_DONE };

enum probe_outcome {
    PROBE_UNKNOWN, PROBE_GONE, PROBE_STAYS, PROBE_AT_STARTUP, PROBE_REFUSED,
    /* what only the parent knows */
    PROBE_CRASH, PROBE_HANG, PROBE_EXIT, PROBE_FAILED
};

enum { PROBE_NOTES_MOST = 256, PROBE_TEXT_SIZE = 200 };

struct probe_note {
    int finding;
    char text[PROBE_TEXT_SIZE];
};

struct probe_report {
    unsigned findings;                      /* FINDING_COUNT of `fini`: both are of one build */
    volatile int stage, outcome;
    volatile unsigned note_count;
    char message[PROBE_TEXT_SIZE];          /* of the loader, when it refuses */
    struct probe_note note[PROBE_NOTES_MOST];
};

/* Loads and unloads it in a child, and adds what happened to the image. */
enum probe_outcome probe_run(const char *path, int seconds, struct image *image);

const char *probe_outcome_name(enum probe_outcome outcome); /* as in the JSON schema */

#endif
