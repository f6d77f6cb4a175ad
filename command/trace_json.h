/* SPDX-License-Identifier: MIT
 *
 * trace_json.h - what both forms of a trace in JSON write alike.
 */
#ifndef COMMAND_TRACE_JSON_H
#define COMMAND_TRACE_JSON_H

#include <json.h>
#include <stdio.h>

#include "trace_model.h"

void trace_json_add(json_object *object, const char *key, const char *text);
void trace_json_add_finding(json_object *object, enum finding number);
json_object *trace_json_stack(struct model *model, const struct stack *stack);
const char *trace_json_kind(enum note_kind kind);

/* The events of a list, each on a line of its own. put frees it. */
void trace_json_begin(void);
void trace_json_put(FILE *file, json_object *event);

#endif
