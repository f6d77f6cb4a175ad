/* SPDX-License-Identifier: MIT
 *
 * trace_inside.c - threads that are inside images which go, or are finalized; crashes.
 *
 * Decides how much looking at threads may cost: a tenth of the time that the program has run, and
 * half a second. Beyond that it says how often it did not look.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "trace_model.h"

static struct stacks stacks;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* True: stacks are those of all threads but that one. */
static bool look(struct model *model, int without)
{
    uint64_t begin = now();
    stacks.count = 0;
    if (!stacks_are_many(model->process))
        return false;
    if (model->looked > 500000000 + (begin - model->begin) / 10) {
        model->not_looked++;
        return false;
    }
    stacks_take(model->process, 0, without, &stacks);
    model->looked += now() - begin;
    model->not_looked += stacks.count == 0 || stacks.cut;
    return stacks.count > 0;
}

/* The innermost address in the image; 0: none. */
static uint64_t inside_at(const struct model *model, const struct stack *stack, int image)
{
    const struct loaded *what = &model->images.list[image];
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frame[i] - what->begin < what->end - what->begin)
            return stack->frame[i];
    return 0;
}

/* Should it crash there, that is why. */
static void remember(struct model *model, int thread, int image, uint64_t address)
{
    left_add(model, &(struct pointer){.kind = POINTER_INSIDE, .thread = thread, .dangling = true,
                                      .function = {image, address}, .creator = {-1, 0}});
}

static void tell(struct model *model, const struct event *event, int image, enum finding finding)
{
    for (size_t i = 0; i < stacks.count; i++) {
        const struct stack *stack = &stacks.stack[i];
        uint64_t address = inside_at(model, stack, image);
        if (!address)
            continue;
        model_find(model, event, image, finding, stack, "thread %d%s", stack->thread,
                   stack->guessed ? ", perhaps" : "");
        if (finding == FINDING_TRACE_THREAD)
            remember(model, stack->thread, image, address);
    }
}

bool inside_unload(struct model *model, const struct event *event, int image)
{
    bool looked = look(model, (int)event->thread);
    if (looked)
        tell(model, event, image, FINDING_TRACE_THREAD);
    return looked && !stacks.cut;
}

/* Of images that have something to finalize. */
void inside_exit(struct model *model, const struct event *event, int image)
{
    const struct loaded *what = &model->images.list[image];
    if (!(what->flags & AGENT_FINALIZERS) && !what->owns_handlers)
        return;
    if (look(model, (int)event->thread))
        tell(model, event, image, FINDING_TRACE_EXIT_INSIDE);
}

/* Who uses memory of the library is still there, other than who runs code of it. */
static void explain_gone(struct model *model, const struct event *event, uint64_t address,
                         int image, const struct stack *stack)
{
    const struct loaded *what = &model->images.list[image];
    const struct pointer *pointer = left_leads_to(model, address, image, (int)event->thread);
    char text[800] = "what led there is not known", user[300];
    if (pointer)
        left_describe(model, pointer, text, sizeof text);
    else if (stack && stack->count && images_at(&model->images, stack->frame[0]) >= 0) {
        images_name(&model->images, images_place(&model->images, stack->frame[0]), user,
                    sizeof user);
        snprintf(text, sizeof text, "its memory is used by %s", user);
    }
    model_find(model, event, image, FINDING_TRACE_CRASH_GONE, NULL,
               "%s; %s was unloaded %.3f s after the start", text, images_short(what),
               (double)(what->until - model->begin) / 1e9);
}

/* The innermost image of the stack that has been finalized. */
static int finalized_on(const struct model *model, const struct stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        int image = images_at(&model->images, stack->frame[i]);
        if (image > (int)model->images.first &&
            (model->images.list[image].finalized || model->images.list[image].owns_handlers))
            return image;
    }
    return -1;
}

static bool is_agent(const struct model *model, uint64_t address)
{
    int image = images_at(&model->images, address);
    return image >= 0 &&
           strcmp(images_short(&model->images.list[image]), "libfini-agent.so") == 0;
}

/* The innermost frames are a system call of the agent's handler, the handler, and what libc returns
 * from it by. Those that the agent has further out are not meant. */
static void drop_agent(const struct model *model, struct stack *stack)
{
    size_t from = 0;
    while (from < stack->count && from < 3 && !is_agent(model, stack->frame[from]))
        from++;
    if (from == 3 || from == stack->count)
        return;
    while (from < stack->count && is_agent(model, stack->frame[from]))
        from++;
    from += from < stack->count;
    memmove(stack->frame, stack->frame + from, (stack->count - from) * sizeof *stack->frame);
    stack->count -= from;
}

/* A call of an address that is not mapped: the fault is there, too. */
static int gone_at(const struct model *model, const struct stack *stack, uint64_t fault,
                   uint64_t *ret)
{
    *ret = stack && stack->count ? stack->frame[0] : fault;
    int image = images_gone_at(&model->images, *ret);
    if (image >= 0 || !fault)
        return image;
    *ret = fault;
    return images_gone_at(&model->images, fault);
}

static void describe_signal(const struct model *model, const struct event *event, char *ret,
                            size_t size)
{
    const char *name = model_signal(event->word[0]);
    int code = (int)event->word[1], sender = (int)event->word[3];
    if (code > 0 && code != SI_KERNEL)
        snprintf(ret, size, "%s at %#llx", name, (unsigned long long)event->word[2]);
    else if (code > 0)
        snprintf(ret, size, "%s, where is not told", name);
    else if (sender == model->process)
        snprintf(ret, size, "%s, sent by itself", name);
    else
        snprintf(ret, size, "%s, sent by process %d", name, sender);
}

void inside_crash(struct model *model, const struct event *event)
{
    char text[120];
    uint64_t address;
    stacks_take(model->process, (int)event->thread, 0, &stacks);
    struct stack *stack = stacks.count ? &stacks.stack[0] : NULL;
    if (stack)
        drop_agent(model, stack);
    describe_signal(model, event, text, sizeof text);
    model_note(model, &(struct note){NOTE_CRASH, event->time, (int)event->thread, -1, 0, text,
                                     stack});
    int image = gone_at(model, stack, event->word[2], &address);
    int finalized = stack ? finalized_on(model, stack) : -1;
    if (image >= 0)
        explain_gone(model, event, address, image, stack);
    else if (finalized >= 0 && model->exiting)
        model_find(model, event, finalized, FINDING_TRACE_CRASH_FINALIZED, NULL, "thread %u%s",
                   event->thread, (int)event->thread == model->exiting ? ", which exits" : "");
}
