/* SPDX-License-Identifier: MIT
 *
 * trace_text.c - a trace for people: a line for each thing that happens, findings below it.
 */
#include <string.h>

#include "agent.h"
#include "text.h"
#include "trace_show.h"

static const char *line_prefix = "";
static bool coloured, quiet;

void trace_text_choose(const char *prefix, bool in_colour, bool only_findings)
{
    line_prefix = prefix;
    coloured = in_colour;
    quiet = only_findings;
}

static void put(FILE *file, const char *colour, const char *text)
{
    char clean[1400];
    snprintf(clean, sizeof clean, "%s", text);
    text_clean(clean);
    bool shown = coloured && *colour;
    fprintf(file, "%s%s%s", shown ? colour : "", clean, shown ? "\033[0m" : "");
}

static void begin_line(FILE *file, const struct note *note)
{
    fprintf(file, "%s%9.3f ", line_prefix, (double)note->time / 1e9);
}

static void put_stack(FILE *file, struct model *model, const struct stack *stack)
{
    char name[300];
    for (size_t i = 0; i < stack->count; i++) {
        images_name(&model->images, images_place(&model->images, stack->frame[i]), name,
                    sizeof name);
        fprintf(file, "%s              %s ", line_prefix, i ? "from" : "in  ");
        put(file, "", name);
        fputc('\n', file);
    }
}

static const char *severity_colour(enum severity severity)
{
    static const char *const codes[] = {"\033[31m", "\033[33m", "\033[31m", "\033[2m"};
    return codes[severity];
}

static void put_finding(FILE *file, struct model *model, const struct note *note)
{
    const struct finding_text *text = finding_text(note->finding);
    if (quiet) {
        begin_line(file, note);
        put(file, "\033[1m", note->image >= 0 ? model->images.list[note->image].path : "");
        fputc('\n', file);
    }
    fprintf(file, "%s          ", line_prefix);
    put(file, severity_colour(text->severity), text->id);
    fprintf(file, " %s\n%s            ", text->cause, line_prefix);
    put(file, "", note->text);
    fputc('\n', file);
    if (note->stack)
        put_stack(file, model, note->stack);
}

static const char *word_of(enum note_kind kind)
{
    static const char *const words[] = {
        "load  ", "unload", "stays ", "ended ", "thread", "thread ends", "exit  ", "", "crash ",
        "exec  ", "end   "};
    return words[kind];
}

/* Who asked for it. */
static void put_reason(FILE *file, const struct model *model, const struct note *note)
{
    bool startup = note->image >= 0 && model->images.list[note->image].flags & AGENT_STARTUP;
    if (note->text[0]) {
        fputs(note->image >= 0 ? "  by " : " ", file);
        put(file, "\033[2m", note->text);
    } else if (note->kind == NOTE_LOAD && startup)
        put(file, "\033[2m", "  with the program");
}

static void put_line(FILE *file, const struct model *model, const struct note *note)
{
    begin_line(file, note);
    put(file, note->kind == NOTE_CRASH ? "\033[31m" : "", word_of(note->kind));
    if (note->kind == NOTE_THREAD || note->kind == NOTE_THREAD_ENDS || note->kind == NOTE_CRASH)
        fprintf(file, " %d", note->thread);
    if (note->image >= 0) {
        fputc(' ', file);
        put(file, "\033[1m", model->images.list[note->image].path);
    }
    put_reason(file, model, note);
    fputc('\n', file);
}

static void show(FILE *file, struct model *model, const struct note *note)
{
    bool trifle = note->kind != NOTE_CRASH && note->kind != NOTE_FINDING;
    if (note->kind == NOTE_FINDING) {
        if (!quiet || finding_text(note->finding)->severity != SEVERITY_NOTE)
            put_finding(file, model, note);
    } else if (!quiet || !trifle)
        put_line(file, model, note);
    if (note->kind == NOTE_CRASH && note->stack)
        put_stack(file, model, note->stack);
    fflush(file);
}

static void begin(FILE *file, struct model *model, char **command)
{
    (void)file, (void)model, (void)command;
}

static void end(FILE *file, struct model *model)
{
    if (model->not_looked && !quiet)
        fprintf(file, "%s%zu times not all threads were looked at: that takes time, or is not "
                "allowed\n",
                line_prefix, model->not_looked);
}

const struct show trace_show_text = {begin, show, end};

const struct show *trace_show_find(const char *format)
{
    if (strcmp(format, "text") == 0)
        return &trace_show_text;
    if (strcmp(format, "json") == 0)
        return &trace_show_json;
    return strcmp(format, "trace-event") == 0 ? &trace_show_events : NULL;
}
