/* SPDX-License-Identifier: MIT
 *
 * trace_stays.c - why a dlclose did not unload its image.
 *
 * Decides by what has been seen, and, where that is not enough, by what `fini check` finds in the
 * file.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "image.h"
#include "reader.h"
#include "trace_model.h"

/* A thread that has not said that it ends may have been ended all the same. */
static bool lives(pid_t process, int thread)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d", process, thread);
    return access(path, F_OK) == 0;
}

static bool by_values(struct model *model, const struct event *event, int image)
{
    const struct loaded *what = &model->images.list[image];
    char text[800];
    bool found = false;
    for (size_t i = 0; i < model->pointers.count; i++) {
        const struct pointer *pointer = &model->pointers.list[i];
        if (pointer->kind != POINTER_LOCAL || pointer->owner - what->begin >= what->end -
            what->begin || !lives(model->process, pointer->thread))
            continue;
        left_describe(model, pointer, text, sizeof text);
        model_find(model, event, image, FINDING_TRACE_LOCAL, NULL, "%s", text);
        found = true;
    }
    return found;
}

static bool by_references(struct model *model, const struct event *event, int image)
{
    const struct loaded *what = &model->images.list[image];
    char opener[300];
    if (what->opened <= what->closed)
        return false;
    images_name(&model->images, what->opener, opener, sizeof opener);
    model_find(model, event, image, FINDING_TRACE_REFERENCES, NULL,
               "opened %u times, closed %u; opened last by %s", what->opened, what->closed, opener);
    return true;
}

static bool by_dependents(struct model *model, const struct event *event, int image)
{
    const struct images *images = &model->images;
    bool found = false;
    for (size_t i = 0; i < images->live_count; i++) {
        const struct loaded *who = &images->list[images->live[i]];
        if (images->live[i] == image || !images_needs(who, &images->list[image]))
            continue;
        model_find(model, event, image, FINDING_TRACE_DEPENDENT, NULL, "%s", who->path);
        found = true;
    }
    return found;
}

static bool by_marks(struct model *model, const struct event *event, int image)
{
    const struct loaded *what = &model->images.list[image];
    char opener[300];
    if (what->flags & AGENT_STARTUP) {
        model_find(model, event, image, FINDING_TRACE_STARTUP, NULL, "%s", what->path);
        return true;
    }
    if (!(what->flags & AGENT_NODELETE))
        return false;
    images_name(&model->images, what->opener, opener, sizeof opener);
    model_find(model, event, image, FINDING_NODELETE, NULL, "in its file, or by dlopen in %s",
               opener);
    return true;
}

/* Of a file only reasons to stay count here. */
static bool by_file(struct model *model, const struct event *event, int image)
{
    static struct image file;
    bool stays = false;
    reader_read(images_file(&model->images.list[image]), &file);
    for (int i = 0; !file.error[0] && i < FINDING_COUNT; i++) {
        const struct found *found = &file.found[i];
        if (!found->total || finding_text((enum finding)i)->severity != SEVERITY_STAYS)
            continue;
        model_find(model, event, image, (enum finding)i, NULL, "%s%s%s", found->evidence[0].name,
                   found->evidence[0].place[0] ? "  " : "", found->evidence[0].place);
        stays = true;
    }
    return stays;
}

void stays_explain(struct model *model, const struct event *event, int image)
{
    bool known = by_marks(model, event, image);
    known |= by_values(model, event, image);
    known |= by_references(model, event, image);
    known |= by_dependents(model, event, image);
    if (known || model->images.list[image].stays_by_file)
        return;
    model->images.list[image].stays_by_file = true;
    if (!by_file(model, event, image))
        model_find(model, event, image, FINDING_TRACE_STAYED, NULL, "%s",
                   model->images.list[image].path);
}
