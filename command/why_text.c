/* SPDX-License-Identifier: MIT
 *
 * why_text.c - what fini why has found, for people: a table of all images, or all of one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"
#include "why.h"

static const enum colour state_colours[] = {COLOUR_GOOD, COLOUR_DOUBTFUL, COLOUR_BAD};

static const char *path_of(const struct why *why, size_t i)
{
    const char *path = why->snapshot.images.list[i].path;
    return path && path[0] ? path : "(no name)";
}

static const char *short_name(const struct why *why, size_t i)
{
    const char *path = path_of(why, i), *end = strrchr(path, '/');
    return end ? end + 1 : path;
}

/* ---- what keeps it ------------------------------------------------------------------------- */

enum { SHOWN_MOST = 8 };

static void show_images(const struct why *why, const struct keeper_list *list)
{
    for (size_t i = 0; i < list->count && i < SHOWN_MOST; i++) {
        fputs(i ? ", " : " ", stdout);
        text_print(COLOUR_NONE, short_name(why, list->by[i]));
        if (why->keeping[list->by[i]].state == STATE_UNKNOWN)
            fputs(" (of which it is not known)", stdout);
    }
    if (list->count > SHOWN_MOST)
        printf(" and %" PRIu64 " more", list->count - SHOWN_MOST);
}

static void show_keep(const struct why *why, size_t i, enum keep keep)
{
    const struct keeper_list *list = &why->keeping[i].keeps[keep];
    fputs("  ", stdout);
    if (keep == KEEP_OPENED || keep == KEEP_DESTRUCTORS)
        printf("%" PRIu64 " x ", list->count);
    fputs(keep_text(keep), stdout);
    if (keep == KEEP_UNIQUE) {
        putchar(' ');
        text_print(COLOUR_NONE, why->snapshot.images.list[i].unique);
    }
    if (list->by)
        show_images(why, list);
    putchar('\n');
}

static bool knows_all(const struct live_image *image)
{
    return image->knows_opened && image->knows_pinned && image->knows_destructors;
}

static void show_unknown(const struct live_image *image, enum keep_state state)
{
    static const char text[] = "  not known: ";
    if (!image->knows_opened)
        printf("%show often it is open\n", text);
    if (!image->knows_pinned)
        printf("%swhether it is pinned%s\n", text,
               image->unique ? " (it defines unique symbols)" : "");
    if (!image->knows_destructors)
        printf("%show many destructors of thread_local objects are pending\n", text);
    if (!image->knows_bound)
        printf("%swhose symbols it has bound\n", text);
    if (state == STATE_UNKNOWN && knows_all(image))
        printf("%swhether all stay that need it or may have bound a symbol of it\n", text);
}

static void show_file(const struct live_image *image)
{
    static const char *const texts[] = {
        NULL, "deleted since it was loaded", "replaced by another file since it was loaded",
        "written to since the process began", NULL};
    if (texts[image->file])
        printf("  its file: %s\n", texts[image->file]);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void show_frame(const struct why *why, const struct live_frame *frame, bool with_image)
{
    if (frame->function) {
        text_print(COLOUR_NONE, frame->function);
        printf("+0x%" PRIx64, frame->offset);
    } else {
        printf("0x%" PRIx64, frame->address);
    }
    if (with_image && frame->image != SIZE_MAX) {
        fputs(" of ", stdout);
        text_print(COLOUR_NONE, short_name(why, frame->image));
    }
    if (frame->place) {
        fputs("  ", stdout);
        text_print(COLOUR_FAINT, frame->place);
    }
}

static void show_stack(const struct why *why, const struct live_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        fputs("        ", stdout);
        show_frame(why, &stack->frames[i], true);
        putchar('\n');
    }
    if (!stack->whole)
        puts("        (it could not be followed further)");
}

static void show_thread(const struct why *why, const struct live_stack *stack,
                        const struct live_frame *inside)
{
    printf("    %d ", (int)stack->thread->tid);
    text_print(COLOUR_STRONG, stack->thread->name);
    fputs(" in ", stdout);
    show_frame(why, inside, false);
    if (inside != stack->frames) {
        fputs(", now in ", stdout);
        show_frame(why, stack->frames, true);
    }
    putchar('\n');
    if (why->verbose)
        show_stack(why, stack);
}

static size_t threads_inside(const struct why *why, size_t image)
{
    size_t count = 0;
    for (size_t i = 0; i < why->stacks.count; i++)
        count += why_inside(&why->stacks.list[i], image) != NULL;
    return count;
}

static void show_threads(const struct why *why, size_t image)
{
    if (!why->stopped)
        return;
    printf("  threads inside:%s\n", threads_inside(why, image) ? "" : " none");
    for (size_t i = 0; i < why->stacks.count; i++) {
        const struct live_frame *frame = why_inside(&why->stacks.list[i], image);
        if (frame)
            show_thread(why, &why->stacks.list[i], frame);
    }
}

/* Of these it is not known whether they are inside. */
static void show_not_seen(const struct why *why)
{
    static const char *const notes[] = {"", " (could not be stopped)", " (left asleep)"};
    const char *before = "threads whose stack could not be followed to its end: ";
    for (size_t i = 0; i < why->stacks.count; i++) {
        const struct live_thread *thread = why->stacks.list[i].thread;
        if (why->stacks.list[i].whole || thread->gone)
            continue;
        printf("%s%d%s", before, (int)thread->tid,
               notes[thread->asleep ? 2 : !thread->stopped]);
        before = ", ";
    }
    if (before[0] == ',')
        putchar('\n');
}

/* ---- one image, or all --------------------------------------------------------------------- */

static void show_image(const struct why *why, size_t i)
{
    static const char *const states[] = {
        "loaded, but nothing keeps it: the next dlclose unloads it",
        "loaded; what keeps it is not all known", "stays"};
    const struct live_image *image = &why->snapshot.images.list[i];
    text_print(COLOUR_STRONG, path_of(why, i));
    fputs(": ", stdout);
    text_print(state_colours[why->keeping[i].state], states[why->keeping[i].state]);
    if (image->space)
        printf(" (in namespace %u)", image->space);
    putchar('\n');
    for (int keep = 0; keep < KEEP_COUNT; keep++)
        if (why->keeping[i].keeps[keep].count)
            show_keep(why, i, (enum keep)keep);
    if (!why->process.is_musl)
        show_unknown(image, why->keeping[i].state);
    show_file(image);
    show_threads(why, i);
}

static void show_short_file(const struct live_image *image, const char *before)
{
    static const char *const files[] = {"", "deleted", "replaced", "written to", ""};
    if (files[image->file][0])
        printf("%sfile %s", before, files[image->file]);
}

static void show_first(const struct why *why, const struct keeper_list *list)
{
    fputs(" by ", stdout);
    text_print(COLOUR_NONE, short_name(why, list->by[0]));
    if (list->count > 1)
        printf(" and %" PRIu64 " more", list->count - 1);
}

static void show_short(const struct why *why, size_t i)
{
    const struct keeping_of *keeping = &why->keeping[i];
    const char *before = "";
    for (int keep = 0; keep < KEEP_COUNT; keep++) {
        const struct keeper_list *list = &keeping->keeps[keep];
        if (!list->count || (keep > KEEP_STARTUP && keeping->keeps[KEEP_STARTUP].count))
            continue;
        printf("%s%s", before, keep_name((enum keep)keep));
        if (keep == KEEP_OPENED || keep == KEEP_DESTRUCTORS)
            printf(" %" PRIu64, list->count);
        if (list->by)
            show_first(why, list);
        before = ", ";
    }
    show_short_file(&why->snapshot.images.list[i], before);
}

static void show_row(const struct why *why, size_t i)
{
    const struct live_image *image = &why->snapshot.images.list[i];
    const char *state = keep_state_name(why->keeping[i].state);
    text_print(state_colours[why->keeping[i].state], state);
    printf("%*s", (int)(9 - strlen(state)), "");
    if (why->stopped)
        printf("%6zu  ", threads_inside(why, i));
    text_print(COLOUR_STRONG, path_of(why, i));
    if (image->space)
        printf(" [%u]", image->space);
    fputs("  ", stdout);
    show_short(why, i);
    putchar('\n');
}

static void show_table(const struct why *why)
{
    printf("%-9s%s%s\n", "STATE", why->stopped ? "INSIDE  " : "", "IMAGE");
    for (size_t i = 0; i < why->snapshot.images.count; i++)
        show_row(why, i);
}

/* ---- all ----------------------------------------------------------------------------------- */

static void show_process(const struct why *why)
{
    static const char *const sources[] = {"not known", "by its debug data", "by trial"};
    char when[64] = "";
    struct tm broken;
    if (why->process.started.tv_sec && localtime_r(&why->process.started.tv_sec, &broken))
        strftime(when, sizeof when, ", since %Y-%m-%d %H:%M:%S", &broken);
    printf("%d ", (int)why->process.pid);
    text_print(COLOUR_STRONG, why->process.program);
    printf("%s, images: %zu", when, why->snapshot.images.count);
    if (why->stopped)
        printf(", threads: %zu", why->stacks.count);
    putchar('\n');
    if (why->verbose && why->stopped)
        printf("stopped for %.3f ms; ", (double)why->snapshot.pause / 1e6);
    if (why->verbose && !why->process.is_musl)
        printf("private data of its loader: %s\n", sources[why->layout.source]);
    else if (why->verbose)
        putchar('\n');
    if (why->snapshot.images.at_work || why->snapshot.images.cut_off)
        puts("its loader was at work: the list of images may not be whole");
}

void why_text(const struct why *why)
{
    show_process(why);
    if (!why->library)
        show_table(why);
    for (size_t i = 0; why->library && i < why->snapshot.images.count; i++)
        if (why->selected[i])
            show_image(why, i);
    if (!why->selected_count) {
        text_print(COLOUR_STRONG, why->library);
        puts(": not loaded");
    }
    show_not_seen(why);
}
