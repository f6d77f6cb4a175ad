/* SPDX-License-Identifier: MIT
 *
 * trace_json.c - a trace as JSON, one event on each line: the schema of docs/fini-trace-json.md.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "text.h"
#include "trace_show.h"

static size_t shown;

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

static void add(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text_object(text));
}

static const char *kind_name(enum note_kind kind)
{
    static const char *const names[] = {"load", "unload", "stays", "finalized", "thread",
                                        "thread-ends", "exit", "finding", "crash", "exec",
                                        "end"};
    return names[kind];
}

static json_object *stack_object(struct model *model, const struct stack *stack)
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

static void add_finding(json_object *object, enum finding number)
{
    const struct finding_text *text = finding_text(number);
    add(object, "id", text->id);
    add(object, "severity", severity_name(text->severity));
    add(object, "cause", text->cause);
    add(object, "cure", text->cure);
}

static void put(FILE *file, json_object *object)
{
    fprintf(file, "%s\n%s", shown++ ? "," : "", json_object_to_json_string_ext(object,
            JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

static void show(FILE *file, struct model *model, const struct note *note)
{
    json_object *object = json_object_new_object();
    json_object_object_add(object, "time", json_object_new_double((double)note->time / 1e9));
    json_object_object_add(object, "thread", json_object_new_int(note->thread));
    add(object, "event", kind_name(note->kind));
    if (note->image >= 0) {
        json_object_object_add(object, "image", json_object_new_int(note->image));
        add(object, "path", model->images.list[note->image].path);
    }
    if (note->kind == NOTE_LOAD)
        json_object_object_add(object, "startup", json_object_new_boolean(
            (model->images.list[note->image].flags & AGENT_STARTUP) != 0));
    if (note->kind == NOTE_FINDING)
        add_finding(object, note->finding);
    if (note->text[0])
        add(object, "text", note->text);
    if (note->stack)
        json_object_object_add(object, "stack", stack_object(model, note->stack));
    put(file, object);
}

static void begin(FILE *file, struct model *model, char **command)
{
    json_object *words = json_object_new_array();
    for (; *command; command++)
        json_object_array_add(words, text_object(*command));
    shown = 0;
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

/* ---- the form of Chrome's and Perfetto's viewers --------------------------------------------- */

static json_object *event(const struct model *model, const char *phase, const char *name,
                          uint64_t time, int thread)
{
    json_object *object = json_object_new_object();
    add(object, "ph", phase);
    add(object, "name", name);
    json_object_object_add(object, "pid", json_object_new_int(model->process));
    json_object_object_add(object, "tid", json_object_new_int(thread));
    json_object_object_add(object, "ts", json_object_new_double((double)time / 1e3));
    return object;
}

/* An image is a span of its own track: `b` opens it, `e` ends it. */
static void put_span(FILE *file, struct model *model, const struct note *note, const char *phase,
                     int image)
{
    json_object *object = event(model, phase, images_short(&model->images.list[image]), note->time,
                                note->thread);
    json_object *more = json_object_new_object();
    char number[24];
    snprintf(number, sizeof number, "%d", image);
    add(object, "cat", "image");
    add(object, "id", number);
    add(more, "path", model->images.list[image].path);
    add(more, "by", note->text);
    json_object_object_add(object, "args", more);
    put(file, object);
}

static void put_moment(FILE *file, struct model *model, const struct note *note)
{
    char name[400];
    const char *image = note->image >= 0 ? images_short(&model->images.list[note->image]) : "";
    json_object *more = json_object_new_object();
    const char *what = note->kind == NOTE_FINDING ? finding_text(note->finding)->id :
                       kind_name(note->kind);
    snprintf(name, sizeof name, "%s%s%s", what, *image ? " " : "", image);
    json_object *object = event(model, "i", name, note->time, note->thread);
    add(object, "s", "t");
    if (note->kind == NOTE_FINDING)
        add_finding(more, note->finding);
    add(more, "text", note->text);
    if (note->stack)
        json_object_object_add(more, "stack", stack_object(model, note->stack));
    json_object_object_add(object, "args", more);
    put(file, object);
}

static void end_spans(FILE *file, struct model *model, const struct note *note)
{
    for (size_t i = 0; i < model->images.live_count; i++)
        put_span(file, model, note, "e", model->images.live[i]);
}

static void put_thread(FILE *file, struct model *model, const struct note *note)
{
    json_object *object = event(model, note->kind == NOTE_THREAD ? "B" : "E",
                                note->kind == NOTE_THREAD ? note->text : "", note->time,
                                note->thread);
    add(object, "cat", "thread");
    put(file, object);
}

static void show_event(FILE *file, struct model *model, const struct note *note)
{
    switch (note->kind) {
    case NOTE_LOAD: put_span(file, model, note, "b", note->image); break;
    case NOTE_UNLOAD: put_span(file, model, note, "e", note->image); break;
    case NOTE_THREAD:
    case NOTE_THREAD_ENDS: put_thread(file, model, note); break;
    case NOTE_EXEC:
    case NOTE_END:
        if (note->kind == NOTE_END || !note->text[0])
            end_spans(file, model, note); /* an exec that is not followed may fail yet */
        put_moment(file, model, note);
        break;
    default: put_moment(file, model, note);
    }
}

static void begin_events(FILE *file, struct model *model, char **command)
{
    json_object *object = event(model, "M", "process_name", 0, model->process);
    json_object *more = json_object_new_object();
    shown = 0;
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", file);
    add(more, "name", command[0]);
    json_object_object_add(object, "args", more);
    put(file, object);
}

static void end_events(FILE *file, struct model *model)
{
    (void)model;
    fputs("\n]}\n", file);
}

const struct show trace_show_events = {begin_events, show_event, end_events};
