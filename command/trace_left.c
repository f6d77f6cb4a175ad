/* SPDX-License-Identifier: MIT
 *
 * trace_left.c - what points into images: thread keys, handlers, callbacks, threads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace_model.h"

void left_add(struct model *model, const struct pointer *pointer)
{
    struct pointers *all = &model->pointers;
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 64;
        struct pointer *list = realloc(all->list, room * sizeof *list);
        if (!list)
            return;
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = *pointer;
}

typedef bool match_fn(const struct pointer *pointer, const struct pointer *wanted);

static void remove_all(struct model *model, match_fn *matches, const struct pointer *wanted)
{
    struct pointers *all = &model->pointers;
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++)
        if (!matches(&all->list[i], wanted))
            all->list[kept++] = all->list[i];
    all->count = kept;
}

static bool has_number(const struct pointer *pointer, const struct pointer *wanted)
{
    return pointer->kind == wanted->kind && pointer->number == wanted->number;
}

static bool is_owned(const struct pointer *pointer, const struct pointer *wanted)
{
    return pointer->owner == wanted->owner &&
           (pointer->kind == POINTER_HANDLER || pointer->kind == POINTER_FORK_HANDLER);
}

static bool is_of_thread(const struct pointer *pointer, const struct pointer *wanted)
{
    return pointer->thread == wanted->thread &&
           (pointer->kind == POINTER_LOCAL || pointer->kind == POINTER_THREAD ||
            pointer->kind == POINTER_INSIDE);
}

void left_remove(struct model *model, enum pointer_kind kind, uint64_t number)
{
    remove_all(model, has_number, &(struct pointer){.kind = kind, .number = number});
}

void left_finalize(struct model *model, uint64_t owner)
{
    if (owner)
        remove_all(model, is_owned, &(struct pointer){.owner = owner});
}

void left_thread_ends(struct model *model, int thread)
{
    remove_all(model, is_of_thread, &(struct pointer){.thread = thread});
}

static void describe_kind(const struct pointer *pointer, char *ret, size_t size)
{
    switch (pointer->kind) {
    case POINTER_KEY:
        snprintf(ret, size, "thread key %llu, whose destructor is",
                 (unsigned long long)pointer->number);
        break;
    case POINTER_HANDLER: snprintf(ret, size, "exit handler"); break;
    case POINTER_FORK_HANDLER: snprintf(ret, size, "fork handler"); break;
    case POINTER_SIGNAL:
        snprintf(ret, size, "handler of %s,", model_signal(pointer->number));
        break;
    case POINTER_CALLBACK: snprintf(ret, size, "callback of a %s,", pointer->what); break;
    case POINTER_LOCAL:
        snprintf(ret, size, "destructor of a value of thread %d,", pointer->thread);
        break;
    case POINTER_THREAD: snprintf(ret, size, "thread %d, begun in", pointer->thread); break;
    case POINTER_INSIDE:
        snprintf(ret, size, "thread %d, which was inside when it went, in", pointer->thread);
        break;
    }
}

void left_describe(struct model *model, const struct pointer *pointer, char *ret, size_t size)
{
    char kind[80], function[300], creator[300];
    int owner = pointer->kind == POINTER_LOCAL ? images_at(&model->images, pointer->owner) : -1;
    describe_kind(pointer, kind, sizeof kind);
    images_name(&model->images, pointer->function, function, sizeof function);
    if (pointer->kind == POINTER_INSIDE) {
        snprintf(ret, size, "%s %s", kind, function);
        return;
    }
    images_name(&model->images, pointer->creator, creator, sizeof creator);
    /* The compiler's run-time library registers them for it. */
    if (owner >= 0)
        snprintf(creator, sizeof creator, "%s", images_short(&model->images.list[owner]));
    snprintf(ret, size, "%s %s; %s by %s", kind, function,
             pointer->kind == POINTER_KEY || pointer->kind == POINTER_THREAD ? "created" :
             "registered", creator);
}

static enum finding finding_of(enum pointer_kind kind)
{
    static const enum finding findings[] = {
        FINDING_TRACE_KEY, FINDING_TRACE_HANDLER, FINDING_TRACE_FORK_HANDLER,
        FINDING_TRACE_SIGNAL, FINDING_TRACE_CALLBACK, FINDING_TRACE_THREAD, FINDING_TRACE_THREAD,
        FINDING_TRACE_THREAD};
    return findings[kind];
}

/* What stays behind is remembered, for it may crash later. */
void left_unload(struct model *model, const struct event *event, int image, bool looked)
{
    char text[800];
    for (size_t i = 0; i < model->pointers.count; i++) {
        struct pointer *pointer = &model->pointers.list[i];
        if (pointer->function.image != image || pointer->dangling)
            continue;
        pointer->dangling = true;
        if (pointer->kind == POINTER_LOCAL || (pointer->kind == POINTER_THREAD && looked))
            continue; /* libc keeps the image for the one; the stack has told the other */
        left_describe(model, pointer, text, sizeof text);
        model_find(model, event, image, finding_of(pointer->kind), NULL, "%s", text);
    }
}

const struct pointer *left_leads_to(const struct model *model, uint64_t address, int image,
                                    int thread)
{
    const struct pointer *near = NULL;
    for (size_t i = 0; i < model->pointers.count; i++) {
        const struct pointer *pointer = &model->pointers.list[i];
        if (!pointer->dangling || pointer->function.image != image)
            continue;
        if (pointer->function.address == address)
            return pointer;
        if (pointer->thread == thread &&
            (pointer->kind == POINTER_THREAD || pointer->kind == POINTER_INSIDE))
            near = pointer;
    }
    return near;
}
