/* SPDX-License-Identifier: MIT
 *
 * why_json.c - what fini why has found, as JSON of the schema in docs/fini-json.md.
 */
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "why.h"

/* JSON is UTF-8. */
static void put_text(json_object *object, const char *key, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (copy)
        text_clean(copy);
    json_object_object_add(object, key, copy ? json_object_new_string(copy) : NULL);
    free(copy);
}

static void put_number(json_object *object, const char *key, uint64_t number)
{
    json_object_object_add(object, key, json_object_new_uint64(number));
}

static void put_known(json_object *object, const char *key, bool known, uint64_t number)
{
    json_object_object_add(object, key, known ? json_object_new_uint64(number) : NULL);
}

static void put_address(json_object *object, const char *key, uint64_t address)
{
    char text[32];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
    put_text(object, key, text);
}

static const char *path_of(const struct why *why, size_t i)
{
    const char *path = why->snapshot.images.list[i].path;
    return path ? path : "";
}

/* ---- images -------------------------------------------------------------------------------- */

static json_object *keeper(const struct why *why, size_t image)
{
    json_object *one = json_object_new_object();
    put_text(one, "path", path_of(why, image));
    put_text(one, "state", keep_state_name(why->keeping[image].state));
    return one;
}

static json_object *keepers(const struct why *why, const struct keeper_list *list)
{
    json_object *by = json_object_new_array();
    for (size_t i = 0; i < list->count; i++)
        json_object_array_add(by, keeper(why, list->by[i]));
    return by;
}

static json_object *reason(const struct why *why, size_t image, enum keep keep)
{
    const struct keeper_list *list = &why->keeping[image].keeps[keep];
    json_object *one = json_object_new_object();
    put_text(one, "kind", keep_name(keep));
    if (keep == KEEP_OPENED || keep == KEEP_DESTRUCTORS)
        put_number(one, "count", list->count);
    if (keep == KEEP_UNIQUE)
        put_text(one, "symbol", why->snapshot.images.list[image].unique);
    if (list->by)
        json_object_object_add(one, "by", keepers(why, list));
    return one;
}

static json_object *reasons(const struct why *why, size_t image)
{
    json_object *list = json_object_new_array();
    for (int keep = 0; keep < KEEP_COUNT; keep++)
        if (why->keeping[image].keeps[keep].count)
            json_object_array_add(list, reason(why, image, (enum keep)keep));
    return list;
}

static json_object *threads_inside(const struct why *why, size_t image)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < why->stacks.count; i++)
        if (why_inside(&why->stacks.list[i], image))
            json_object_array_add(list, json_object_new_int(why->stacks.list[i].thread->tid));
    return list;
}

static json_object *image_object(const struct why *why, size_t i)
{
    static const char *const files[] = {"there", "deleted", "replaced", "changed", "none"};
    const struct live_image *image = &why->snapshot.images.list[i];
    json_object *one = json_object_new_object();
    put_text(one, "path", path_of(why, i));
    put_text(one, "soname", image->soname);
    put_number(one, "namespace", image->space);
    put_address(one, "start", image->start);
    put_address(one, "end", image->end);
    put_text(one, "file", files[image->file]);
    put_text(one, "state", keep_state_name(why->keeping[i].state));
    put_known(one, "opened", image->knows_opened, image->opened);
    json_object_object_add(one, "pinned", image->knows_pinned ?
                           json_object_new_boolean(image->pinned != 0) : NULL);
    put_known(one, "destructors", image->knows_destructors, image->destructors);
    json_object_object_add(one, "reasons", reasons(why, i));
    if (why->stopped)
        json_object_object_add(one, "inside", threads_inside(why, i));
    return one;
}

/* ---- threads ------------------------------------------------------------------------------- */

static json_object *frame_object(const struct why *why, const struct live_frame *frame)
{
    json_object *one = json_object_new_object();
    put_address(one, "address", frame->address);
    if (frame->function) {
        put_text(one, "function", frame->function);
        put_number(one, "offset", frame->offset);
    }
    if (frame->place)
        put_text(one, "place", frame->place);
    if (frame->image != SIZE_MAX)
        put_text(one, "image", path_of(why, frame->image));
    return one;
}

static json_object *frames(const struct why *why, const struct live_stack *stack)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < stack->count; i++)
        json_object_array_add(list, frame_object(why, &stack->frames[i]));
    return list;
}

static json_object *thread_object(const struct why *why, const struct live_stack *stack)
{
    json_object *one = json_object_new_object();
    json_object_object_add(one, "tid", json_object_new_int(stack->thread->tid));
    put_text(one, "name", stack->thread->name);
    json_object_object_add(one, "stopped", json_object_new_boolean(stack->thread->stopped));
    json_object_object_add(one, "asleep", json_object_new_boolean(stack->thread->asleep));
    json_object_object_add(one, "whole", json_object_new_boolean(stack->whole));
    json_object_object_add(one, "frames", frames(why, stack));
    return one;
}

/* Those inside an image that is shown, and those of which it is not known. */
static bool is_shown(const struct why *why, const struct live_stack *stack)
{
    if (!why->library || !stack->whole)
        return true;
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frames[i].image != SIZE_MAX && why->selected[stack->frames[i].image])
            return true;
    return false;
}

/* ---- all ----------------------------------------------------------------------------------- */

static void put_process(json_object *all, const struct why *why)
{
    static const char *const sources[] = {"unknown", "debug-data", "trial"};
    put_text(all, "schema", "fini-why/1");
    json_object_object_add(all, "pid", json_object_new_int(why->process.pid));
    put_text(all, "program", why->process.program);
    put_number(all, "started", (uint64_t)why->process.started.tv_sec);
    put_text(all, "loader", why->process.is_musl ? "musl" : "glibc");
    put_text(all, "layout", sources[why->layout.source]);
    json_object_object_add(all, "loader_at_work", json_object_new_boolean(
        why->snapshot.images.at_work || why->snapshot.images.cut_off));
    if (why->stopped)
        put_number(all, "pause_ns", why->snapshot.pause);
}

void why_json(const struct why *why)
{
    json_object *all = json_object_new_object(), *images = json_object_new_array();
    json_object *threads = json_object_new_array();
    put_process(all, why);
    for (size_t i = 0; i < why->snapshot.images.count; i++)
        if (why->selected[i])
            json_object_array_add(images, image_object(why, i));
    json_object_object_add(all, "images", images);
    for (size_t i = 0; i < why->stacks.count; i++)
        if (is_shown(why, &why->stacks.list[i]))
            json_object_array_add(threads, thread_object(why, &why->stacks.list[i]));
    json_object_object_add(all, "threads", threads);
    puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
                                        JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(all);
}
