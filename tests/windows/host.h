/* SPDX-License-Identifier: MIT
 *
 * host.h - what scenarios are written with.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

#include "plugin.h"
#include "say.h"

struct scenario {
    const char *name;
    void (*run)(void);
    const char *expect; /* all that is written */
    unsigned lines;     /* only their number is known */
    int status;
    bool hangs;         /* and is killed */
    unsigned patience;  /* milliseconds until it counts as hanging; 0: enough for everything */
};

/* Ends with one that has no name. */
extern const struct scenario scenarios[];

HMODULE load(const char *name);
plugin_do_fn *find_do(HMODULE library);
bool is_loaded(const char *name);

/* It goes, sooner or later. */
bool goes(const char *name);

HANDLE start(LPTHREAD_START_ROUTINE run, void *arg);
void join(HANDLE thread);

#endif
