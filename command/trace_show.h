/* SPDX-License-Identifier: MIT
 *
 * trace_show.h - notes of a trace, shown as they come.
 */
#ifndef COMMAND_TRACE_SHOW_H
#define COMMAND_TRACE_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "trace_model.h"

struct show {
    void (*begin)(FILE *file, struct model *model, char **command);
    void (*note)(FILE *file, struct model *model, const struct note *note);
    void (*end)(FILE *file, struct model *model);
};

/* For people: each line begins with `prefix`; quiet leaves out all but findings and crashes. */
extern const struct show trace_show_text, trace_show_json, trace_show_events;
void trace_text_choose(const char *prefix, bool coloured, bool quiet);

/* NULL: there is no such format. */
const struct show *trace_show_find(const char *format);

#endif
