/* SPDX-License-Identifier: MIT
 *
 * trace_events.c - a trace in the form that Chrome's viewer and Perfetto open: what is a span there
 * and on which track it lies, and what is a moment.
 *
 * The form: "Trace Event Format", of the Chromium project's catapult.
 */
#include <stdlib.h>
#include <string.h>

#include "trace_json.h"
#include "trace_show.h"

/* The threads whose spans are open, and what these are called. */
static struct open_thread {
    int thread;
    char *name;
} *open_threads;
static size_t open_count;

static json_object *event(const struct model *model, const char *phase, const char *name,
                          uint64_t time, int thread)
{
    json_object *object = json_object_new_object();
    char microseconds[32];
    snprintf(microseconds, sizeof microseconds, "%llu.%03u", (unsigned long long)time / 1000,
             (unsigned)(time % 1000));
    trace_json_add(object, "ph", phase);
    trace_json_add(object, "name", name);
    json_object_object_add(object, "pid", json_object_new_int(model->process));
    json_object_object_add(object, "tid", json_object_new_int(thread));
    json_object_object_add(object, "ts", json_object_new_double_s((double)time / 1e3,
                                                                  microseconds));
    return object;
}

static void put(FILE *file, json_object *object, json_object *arguments)
{
    json_object_object_add(object, "args", arguments);
    trace_json_put(file, object);
}

static void add_unless_empty(json_object *object, const char *key, const char *text)
{
    if (*text)
        trace_json_add(object, key, text);
}

/* Of a process or a thread. */
static void put_name(FILE *file, const struct model *model, const char *what, int thread,
                     const char *name)
{
    json_object *more = json_object_new_object();
    trace_json_add(more, "name", name);
    put(file, event(model, "M", what, 0, thread), more);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* A span of its own track. Viewers show the arguments of both its ends as one list, in which of two
 * of one name the first is lost. */
static void put_span(FILE *file, struct model *model, const struct note *note, const char *phase,
                     int image)
{
    json_object *object = event(model, phase, images_short(&model->images.list[image]), note->time,
                                note->thread);
    json_object *more = json_object_new_object(), *id = json_object_new_object();
    char number[24];
    snprintf(number, sizeof number, "0x%x", (unsigned)image);
    trace_json_add(object, "cat", "image");
    /* Of the process: what has an id of the whole trace Perfetto shows outside all processes. */
    trace_json_add(id, "local", number);
    json_object_object_add(object, "id2", id);
    if (note->kind == NOTE_LOAD) {
        trace_json_add(more, "path", model->images.list[image].path);
        add_unless_empty(more, "loaded by", note->text);
    }
    if (note->kind == NOTE_UNLOAD)
        add_unless_empty(more, "unloaded by", note->text);
    put(file, object, more);
}

/* ---- threads --------------------------------------------------------------------------------- */

static struct open_thread *find_open(int thread)
{
    for (size_t i = 0; i < open_count; i++)
        if (open_threads[i].thread == thread)
            return &open_threads[i];
    return NULL;
}

static void put_thread(FILE *file, const struct model *model, const char *phase, uint64_t time,
                       const struct open_thread *which)
{
    json_object *object = event(model, phase, which->name, time, which->thread);
    json_object *more = json_object_new_object();
    trace_json_add(object, "cat", "thread");
    /* By which findings call it; of a thread with a name Chrome's viewer shows no number. */
    if (*phase == 'B')
        json_object_object_add(more, "thread", json_object_new_int(which->thread));
    put(file, object, more);
}

static void end_thread(FILE *file, const struct model *model, uint64_t time, int thread)
{
    struct open_thread *which = find_open(thread);
    if (!which)
        return;
    put_thread(file, model, "E", time, which);
    free(which->name);
    *which = open_threads[--open_count];
}

static void begin_thread(FILE *file, const struct model *model, const struct note *note,
                         const char *name)
{
    struct open_thread *list = realloc(open_threads, (open_count + 1) * sizeof *list);
    if (!list)
        return;
    open_threads = list;
    /* A thread that has ended unseen, and whose number is another one's now. */
    end_thread(file, model, note->time, note->thread);
    list[open_count] = (struct open_thread){note->thread, strdup(name)};
    if (!list[open_count].name)
        return;
    put_name(file, model, "thread_name", note->thread, name);
    put_thread(file, model, "B", note->time, &list[open_count++]);
}

/* The first image of a program is the program itself. */
static void begin_program(FILE *file, const struct model *model, const struct note *note)
{
    const char *program = images_short(&model->images.list[note->image]);
    json_object *more = json_object_new_object();
    char name[300];
    snprintf(name, sizeof name, "main of %s", program);
    put_name(file, model, "process_name", note->thread, program);
    json_object_object_add(more, "sort_index", json_object_new_int(-1));
    put(file, event(model, "M", "thread_sort_index", 0, note->thread), more);
    begin_thread(file, model, note, name);
}

/* ---- moments --------------------------------------------------------------------------------- */

static void put_moment(FILE *file, struct model *model, const struct note *note)
{
    char name[400];
    const char *image = note->image >= 0 ? images_short(&model->images.list[note->image]) : "";
    json_object *more = json_object_new_object();
    const char *what = note->kind == NOTE_FINDING ? finding_text(note->finding)->id :
                       trace_json_kind(note->kind);
    snprintf(name, sizeof name, "%s%s%s", what, *image ? " " : "", image);
    json_object *object = event(model, "i", name, note->time, note->thread);
    trace_json_add(object, "s", "t");
    if (note->kind == NOTE_FINDING)
        trace_json_add_finding(more, note->finding);
    add_unless_empty(more, "text", note->text);
    if (note->stack)
        json_object_object_add(more, "stack", trace_json_stack(model, note->stack));
    put(file, object, more);
}

/* Also what does not end by itself: Chrome's viewer would draw the span of such a thread no longer
 * than what else it does, which may be nothing. */
static void end_program(FILE *file, struct model *model, const struct note *note)
{
    for (size_t i = 0; i < model->images.live_count; i++)
        put_span(file, model, note, "e", model->images.live[i]);
    while (open_count)
        end_thread(file, model, note->time, open_threads[open_count - 1].thread);
}

static void show_event(FILE *file, struct model *model, const struct note *note)
{
    switch (note->kind) {
    case NOTE_LOAD:
        if (note->image == (int)model->images.first)
            begin_program(file, model, note);
        put_span(file, model, note, "b", note->image);
        break;
    case NOTE_UNLOAD: put_span(file, model, note, "e", note->image); break;
    case NOTE_THREAD: begin_thread(file, model, note, note->text); break;
    case NOTE_THREAD_ENDS: end_thread(file, model, note->time, note->thread); break;
    case NOTE_EXEC:
    case NOTE_END:
        put_moment(file, model, note);
        if (note->kind == NOTE_END || !note->text[0])
            end_program(file, model, note); /* an exec that is not followed may fail yet */
        break;
    default: put_moment(file, model, note);
    }
}

/* As a list, and not as an object that has it: viewers take a list without its end, as it is while
 * the program runs, or when the tracer was killed. */
static void begin_events(FILE *file, struct model *model, char **command)
{
    trace_json_begin();
    fputc('[', file);
    put_name(file, model, "process_name", model->process, command[0]);
}

static void end_events(FILE *file, struct model *model)
{
    (void)model;
    free(open_threads);
    open_threads = NULL;
    fputs("\n]\n", file);
}

const struct show trace_show_events = {begin_events, show_event, end_events};
