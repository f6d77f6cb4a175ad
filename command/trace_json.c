/* SPDX-License-Identifier: MIT
 *
 * trace_json.c - a trace as JSON, one event on each line: the schema of docs/fini-trace-json.md.
 */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "text.h"
#include "trace_json.h"
#include "trace_show.h"

/* JSON is UTF-8. */
static json_object *text_object(const char *text)
{
    char *copy = strdup(text);
    json_object *object = NULL;
    if (copy) {
        text_clean(copy);
        object = json_object_new_string(copy);
    }
    free(copy);
    return object;
}

void trace_json_add(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text_object(text));
}

const char *trace_json_kind(enum note_kind kind)
{
    static const char *const names[] = {"load", "unload", "stays", "finalized", "thread",
                                        "thread-ends", "exit", "finding", "crash", "exec",
                                        "end"};
    return names[kind];
}

json_object *trace_json_stack(struct model *model, const struct stack *stack)
{
    json_object *frames = json_object_new_array();
    char name[300];
    for (size_t i = 0; i < stack->count; i++) {
        images_name(&model->images, images_place(&model->images, stack->frame[i]), name,
                    sizeof name);
        json_object_array_add(frames, text_object(name));
    }
    return frames;
}

void trace_json_add_finding(json_object *object, enum finding number)
{
    const struct finding_text *text = finding_text(number);
    trace_json_add(object, "id", text->id);
    trace_json_add(object, "severity", severity_name(text->severity));
    trace_json_add(object, "cause", text->cause);
    trace_json_add(object, "cure", text->cure);
}

static bool first;

void trace_json_begin(void)
{
    first = true;
}

void trace_json_put(FILE *file, json_object *object)
{
    fprintf(file, "%s\n%s", first ? "" : ",", json_object_to_json_string_ext(object,
            JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    fflush(file);
    first = false;
    json_object_put(object);
}

static void show(FILE *file, struct model *model, const struct note *note)
{
    json_object *object = json_object_new_object();
    json_object_object_add(object, "time", json_object_new_double((double)note->time / 1e9));
    json_object_object_add(object, "thread", json_object_new_int(note->thread));
    trace_json_add(object, "event", trace_json_kind(note->kind));
    if (note->image >= 0) {
        json_object_object_add(object, "image", json_object_new_int(note->image));
        trace_json_add(object, "path", model->images.list[note->image].path);
    }
    if (note->kind == NOTE_LOAD)
        json_object_object_add(object, "startup", json_object_new_boolean(
            (model->images.list[note->image].flags & AGENT_STARTUP) != 0));
    if (note->kind == NOTE_FINDING)
        trace_json_add_finding(object, note->finding);
    if (note->text[0])
        trace_json_add(object, "text", note->text);
    if (note->stack)
        json_object_object_add(object, "stack", trace_json_stack(model, note->stack));
    trace_json_put(file, object);
}

static void begin(FILE *file, struct model *model, char **command)
{
    json_object *words = json_object_new_array();
    trace_json_begin();
    for (; *command; command++)
        json_object_array_add(words, text_object(*command));
    fprintf(file, "{\"schema\":\"fini-trace/1\",\"process\":%d,\"command\":%s,\"events\":[",
            model->process, json_object_to_json_string_ext(words, JSON_C_TO_STRING_PLAIN |
            JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(words);
}

static void end(FILE *file, struct model *model)
{
    fprintf(file, "\n],\"findings\":%zu,\"not_looked\":%zu}\n", model->findings,
            model->not_looked);
}

const struct show trace_show_json = {begin, show, end};
