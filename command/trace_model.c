/* SPDX-License-Identifier: MIT
 *
 * trace_model.c - what each event changes.
 */
#include "trace_model.h"

#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"

void model_note(struct model *model, const struct note *note)
{
    struct note shown = *note;
    shown.time = note->time > model->begin ? note->time - model->begin : 0;
    model->show(model, &shown);
}

void model_find(struct model *model, const struct event *event, int image, enum finding finding,
                const struct stack *stack, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    model->findings += finding_text(finding)->severity != SEVERITY_NOTE;
    model_note(model, &(struct note){NOTE_FINDING, event->time, (int)event->thread, image, finding,
                                     text, stack});
}

static void note_image(struct model *model, const struct event *event, enum note_kind kind,
                       int image, const char *text)
{
    model_note(model, &(struct note){kind, event->time, (int)event->thread, image, 0, text, NULL});
}

/* NULL: no memory. */
static struct loading *loading_of(struct model *model, int thread)
{
    for (size_t i = 0; i < model->loading_count; i++)
        if (model->loading[i].thread == thread)
            return &model->loading[i];
    struct loading *list = realloc(model->loading, (model->loading_count + 1) * sizeof *list);
    if (!list)
        return NULL;
    model->loading = list;
    list[model->loading_count] = (struct loading){.thread = thread};
    return &list[model->loading_count++];
}

static void loading_ends(struct model *model, int thread)
{
    for (size_t i = 0; i < model->loading_count; i++)
        if (model->loading[i].thread == thread)
            model->loading[i] = model->loading[--model->loading_count];
}

/* After an exec nothing is left of what was before. */
static void hello(struct model *model, const struct event *event)
{
    if (model->connected)
        note_image(model, event, NOTE_EXEC, -1, "");
    while (model->images.live_count)
        images_gone(&model->images, model->images.live[0], event->time);
    model->connected = true;
    model->images.first = model->images.count;
    model->pointers.count = model->loading_count = 0;
    model->exiting = 0;
}

static void is_opened(struct model *model, int image, const struct loading *how)
{
    struct loaded *what = &model->images.list[image];
    what->opened++;
    what->opener = how->opener;
    if (how->mode & RTLD_NODELETE)
        what->flags |= AGENT_NODELETE;
}

static const char *behind_slash(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A dlopen that fails is followed by loads of others: libc loads something itself. */
static bool is_asked_for(const struct model *model, const struct loading *how, int image)
{
    const struct loaded *what = &model->images.list[image];
    size_t most = sizeof how->opens - 1;
    return how->opens[0] && (strncmp(how->opens, behind_slash(what->path), most) == 0 ||
                             strncmp(how->opens, what->soname, most) == 0);
}

static void load(struct model *model, const struct event *event)
{
    struct loading *how = loading_of(model, (int)event->thread);
    char text[300] = "";
    struct loaded new = {.map = event->word[0], .begin = event->word[1], .end = event->word[2],
                         .flags = event->word[3], .inode = event->word[4],
                         .changed = event->word[5], .since = event->time, .opener = {-1, 0}};
    int image = images_add(&model->images, &new, model->process, event->text, event->length);
    if (image < 0)
        return;
    if (how && is_asked_for(model, how, image)) {
        how->opens[0] = '\0';
        is_opened(model, image, how);
        images_name(&model->images, how->opener, text, sizeof text);
    }
    note_image(model, event, NOTE_LOAD, image, text);
}

static void unload(struct model *model, const struct event *event, int image,
                   const struct loading *how)
{
    char text[300] = "";
    if (how && how->unloading)
        images_name(&model->images, how->closer, text, sizeof text);
    note_image(model, event, NOTE_UNLOAD, image, text);
    bool looked = inside_unload(model, event, image);
    images_gone(&model->images, image, event->time);
    left_unload(model, event, image, looked);
}

static void finalized(struct model *model, const struct event *event, int image)
{
    model->images.list[image].finalized = true;
    note_image(model, event, NOTE_FINALIZED, image, "");
    inside_exit(model, event, image);
}

/* Finalizers have run. In exit() that is all, unless it is a dlclose there. */
static void closes(struct model *model, const struct event *event)
{
    int image = images_of_map(&model->images, event->word[0]);
    struct loading *how = loading_of(model, (int)event->thread);
    bool exits = model->exiting == (int)event->thread && !(how && how->unloading);
    if (image < 0)
        return;
    if (exits)
        finalized(model, event, image);
    else
        unload(model, event, image, how);
}

static void opens(struct model *model, const struct event *event)
{
    struct loading *how = loading_of(model, (int)event->thread);
    /* Which images another namespace has is not known. */
    int image = event->word[2] ? -1 : images_named(&model->images, event->text);
    if (!how)
        return;
    how->mode = event->word[0];
    how->opener = images_place(&model->images, event->word[1] - 1);
    how->opens[0] = '\0';
    if (image >= 0)
        is_opened(model, image, how);
    else if (!(how->mode & RTLD_NOLOAD))
        snprintf(how->opens, sizeof how->opens, "%s", behind_slash(event->text));
}

static void begins_to_close(struct model *model, const struct event *event)
{
    struct loading *how = loading_of(model, (int)event->thread);
    int image = images_of_map(&model->images, event->word[0]);
    if (!how)
        return;
    if (how->unloading++ == 0)
        how->since = event->time;
    how->opens[0] = '\0';
    how->closer = images_place(&model->images, event->word[1] - 1);
    if (image >= 0)
        model->images.list[image].closed++;
}

static void has_closed(struct model *model, const struct event *event)
{
    struct loading *how = loading_of(model, (int)event->thread);
    int image = images_of_map(&model->images, event->word[0]);
    char text[300];
    if (!how)
        return;
    how->unloading -= how->unloading > 0;
    if (image < 0 || image == (int)model->images.first)
        return;
    /* It has gone, and another thread has loaded one whose link map is where its was. */
    if (model->images.list[image].since >= how->since)
        return;
    images_name(&model->images, how->closer, text, sizeof text);
    note_image(model, event, NOTE_STAYS, image, text);
    stays_explain(model, event, image);
}

/* Words: what it is about, function, owner, caller. */
static void points(struct model *model, const struct event *event, enum pointer_kind kind,
                   uint64_t number, uint64_t function, uint64_t owner, uint64_t caller)
{
    struct pointer pointer = {.kind = kind, .number = number, .owner = owner,
                              .thread = (int)event->thread};
    if (!function)
        return;
    pointer.function = images_place(&model->images, function);
    pointer.creator = images_place(&model->images, caller - 1);
    if (kind == POINTER_CALLBACK)
        snprintf(pointer.what, sizeof pointer.what, "%s", event->text);
    left_add(model, &pointer);
}

static void handler(struct model *model, const struct event *event, enum pointer_kind kind)
{
    const uint64_t *word = event->word;
    int owner = images_at(&model->images, word[1]);
    if (owner >= 0 && kind == POINTER_HANDLER)
        model->images.list[owner].owns_handlers = true;
    points(model, event, kind, 0, word[0], word[1], word[2]);
}

static void thread_begins(struct model *model, const struct event *event)
{
    char text[300];
    points(model, event, POINTER_THREAD, 0, event->word[0], 0, event->word[1]);
    images_name(&model->images, images_place(&model->images, event->word[0]), text, sizeof text);
    note_image(model, event, NOTE_THREAD, -1, text);
}

static void thread_ends(struct model *model, const struct event *event)
{
    left_thread_ends(model, (int)event->thread);
    loading_ends(model, (int)event->thread);
    note_image(model, event, NOTE_THREAD_ENDS, -1, "");
}

/* exit() does not return to a dlclose that called it, by way of a finalizer. */
static void begins_to_exit(struct model *model, const struct event *event, const char *text)
{
    struct loading *how = loading_of(model, (int)event->thread);
    model->exiting = (int)event->thread;
    if (how)
        how->unloading = 0;
    note_image(model, event, NOTE_EXIT, -1, text);
}

static void exits(struct model *model, const struct event *event)
{
    char text[300] = "main has returned";
    if (event->word[0])
        images_name(&model->images, images_place(&model->images, event->word[0] - 1), text,
                    sizeof text);
    begins_to_exit(model, event, text);
}

/* Nobody has been seen to call exit(). */
static void finalizes(struct model *model, const struct event *event)
{
    if (!model->exiting)
        begins_to_exit(model, event, "from libc, or the last thread has ended");
}

/* The last that is heard, unless the exec fails. */
static void leaves(struct model *model, const struct event *event)
{
    size_t name = strlen(event->text);
    char text[1200];
    snprintf(text, sizeof text, "of %.800s, which is not traced: %s", event->text,
             name < event->length ? event->text + name + 1 : "");
    note_image(model, event, NOTE_EXEC, -1, text);
}

static void pointer_event(struct model *model, const struct event *event)
{
    const uint64_t *word = event->word;
    switch (event->type) {
    case AGENT_KEY: points(model, event, POINTER_KEY, word[0], word[1], 0, word[2]); break;
    case AGENT_KEY_GONE: left_remove(model, POINTER_KEY, word[0]); break;
    case AGENT_ATEXIT: handler(model, event, POINTER_HANDLER); break;
    case AGENT_FORK_HANDLER: handler(model, event, POINTER_FORK_HANDLER); break;
    case AGENT_LOCAL: handler(model, event, POINTER_LOCAL); break;
    case AGENT_FINALIZE: left_finalize(model, word[0]); break;
    case AGENT_SIGNAL:
        left_remove(model, POINTER_SIGNAL, word[0]);
        points(model, event, POINTER_SIGNAL, word[0], word[1], 0, word[2]);
        break;
    case AGENT_CALLBACK:
        points(model, event, POINTER_CALLBACK, word[0], word[1], 0, word[2]);
        break;
    case AGENT_CALLBACK_GONE: left_remove(model, POINTER_CALLBACK, word[0]); break;
    }
}

void model_event(struct model *model, const struct event *event)
{
    switch (event->type) {
    case AGENT_HELLO: hello(model, event); break;
    case AGENT_LOAD: load(model, event); break;
    case AGENT_CLOSE: closes(model, event); break;
    case AGENT_ACTIVITY: finalizes(model, event); break;
    case AGENT_DLOPEN: opens(model, event); break;
    case AGENT_DLCLOSE: begins_to_close(model, event); break;
    case AGENT_DLCLOSED: has_closed(model, event); break;
    case AGENT_THREAD: thread_begins(model, event); break;
    case AGENT_THREAD_ENDS: thread_ends(model, event); break;
    case AGENT_EXIT: exits(model, event); break;
    case AGENT_CRASH: inside_crash(model, event); break;
    case AGENT_LEAVES: leaves(model, event); break;
    default: pointer_event(model, event);
    }
}

const char *model_signal(uint64_t number)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {SIGHUP, "SIGHUP"}, {SIGINT, "SIGINT"}, {SIGQUIT, "SIGQUIT"}, {SIGILL, "SIGILL"},
        {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"},
        {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
        {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGCHLD, "SIGCHLD"},
        {SIGCONT, "SIGCONT"}, {SIGTSTP, "SIGTSTP"}, {SIGURG, "SIGURG"}, {SIGXCPU, "SIGXCPU"},
        {SIGXFSZ, "SIGXFSZ"}, {SIGPROF, "SIGPROF"}, {SIGWINCH, "SIGWINCH"}, {SIGIO, "SIGIO"},
        {SIGSYS, "SIGSYS"}, {SIGVTALRM, "SIGVTALRM"}};
    static char other[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((uint64_t)names[i].number == number)
            return names[i].name;
    snprintf(other, sizeof other, "signal %u", (unsigned)number);
    return other;
}

void model_end(struct model *model, uint64_t time, const char *how)
{
    model_note(model, &(struct note){NOTE_END, time, (int)model->process, -1, 0, how, NULL});
}

void model_free(struct model *model)
{
    images_free(&model->images);
    free(model->pointers.list);
    free(model->loading);
}
