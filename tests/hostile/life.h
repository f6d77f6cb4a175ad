/* SPDX-License-Identifier: MIT
 *
 * life.h - one life of a plugin: loaded, and ended one way or the other, in a child process that
 * leaves a report.
 *
 * Decides: which ends there are, and that a life is right when its process ends as it should and
 * the plugin's hook ran once and was told the right reason.
 * Leaves to the programs what the life is made hard by.
 */
#ifndef HOSTILE_LIFE_H
#define HOSTILE_LIFE_H

#include <stdatomic.h>

#include "fini.h"

/* Shared with the parent. The plugin's finalizer writes, and calls nothing for it. */
struct report {
    atomic_int runs, told;
    atomic_int loaded;          /* the host came so far */
    atomic_int phase;           /* for the host's own use */
    void (*_Atomic slow)(void); /* called before `runs` is counted; may be NULL */
};

/* What a plugin exports under the name `plugin_report`: where it finds its report. */
extern struct report *plugin_report;

struct life {
    const char *name;
    void (*live)(void);
    fini_reason why;
};

/* unload, exit, unload at exit; ends with a nameless entry. */
extern const struct life lives[];

/* Beside the program; set before a life. hostile-fini.so, or hostile-naive.so, whose finalizer
 * reports FINI_RUNNING. */
extern const char *life_plugin;
extern struct report *life_report;

/* Seconds after which a life hangs. */
extern int life_patience;

/* The steps of a life, for those who make their own. A load that fails ends the process in peace
 * with status 0. */
void life_load(void);
void life_unload(void);

/* Fills life_report, and returns the wait status, or HUNG. `prepare` is called in
 * the child, and may be NULL. */
int life_run(void (*live)(void), void (*prepare)(void));

/* NULL, or what is wrong. */
const char *life_wrong(int status, fini_reason why);

#endif
