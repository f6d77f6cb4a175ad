/* SPDX-License-Identifier: MIT
 *
 * fini trace over a ring that lies.
 *
 * Input: one byte, the format (modulo 3); two, the slot that the reader begins at; then slots as
 * the agent fills them, without their turns. The highest bit of its time leaves a slot empty.
 * Decides: that reading ends, and that what is shown gives no terminal orders, or is JSON. Files
 * are left out, and stacks are made of the addresses that the ring has named.
 */
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"
#include "regular.h"
#include "trace_ring.h"
#include "trace_show.h"
#include "trace_stacks.h"

enum { HEAD = 3, FILLED = sizeof(struct agent_slot) - sizeof(uint64_t), SLOTS_MOST = 512 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct agent_ring shared;
static const struct show *show;
static FILE *output;
static uint64_t words[SLOTS_MOST];
static size_t word_count;

/* ---- instead of files and threads ------------------------------------------------------------ */

int regular_open(const char *path)
{
    (void)path;
    return -1;
}

/* What stays and what does not, by the last character of its name. */
void reader_read(const char *path, struct image *ret)
{
    size_t length = strlen(path);
    memset(ret, 0, sizeof *ret);
    if (length && path[length - 1] % 2)
        image_add(ret, FINDING_NODELETE, path, path);
    else
        snprintf(ret->error, sizeof ret->error, "not there");
}

void image_add(struct image *image, enum finding finding, const char *name, const char *place)
{
    struct found *found = &image->found[finding];
    snprintf(found->evidence[0].name, NAME_SIZE, "%s", name);
    snprintf(found->evidence[0].place, PLACE_SIZE, "%s", place);
    found->total = 1;
}

bool stacks_are_many(pid_t process)
{
    (void)process;
    return true;
}

void stacks_take(pid_t process, int only, int without, struct stacks *ret)
{
    (void)process;
    ret->count = 2;
    for (int i = 0; i < 2; i++) {
        struct stack *stack = &ret->stack[i];
        *stack = (struct stack){.thread = only ? only : without + 1 + i, .guessed = i};
        for (size_t j = 0; j < word_count && stack->count < FRAMES_MOST; j++)
            stack->frame[stack->count++] = words[j];
    }
}

/* ---- the ring -------------------------------------------------------------------------------- */

static void fill(struct agent_slot *slot, const unsigned char *data, uint64_t number)
{
    static const uint64_t empty = (uint64_t)1 << 63;
    memcpy((char *)slot + sizeof(uint64_t), data, FILLED);
    slot->turn = slot->time & empty ? 0 : number + 1;
    slot->time &= ~empty;
    words[word_count] = slot->word[word_count % AGENT_WORDS];
    word_count++;
}

static void note(struct model *model, const struct note *note)
{
    show->note(output, model, note);
}

/* As trace.c does, but for the sleep. */
static void run(uint64_t first, uint64_t behind)
{
    static char *command[] = {"command", NULL};
    struct trace_ring ring = {&shared, first, 0, 0};
    struct model model = {.show = note, .process = 1};
    shared.head = behind;
    show->begin(output, &model, command);
    trace_ring_read(&ring, &model);
    trace_ring_read_rest(&ring, &model);
    if (ring.tail < behind)
        abort();
    model_end(&model, 1, "with status 0");
    show->end(output, &model);
    model_free(&model);
}

/* ---- what is shown --------------------------------------------------------------------------- */

/* Much can follow from little: what is beyond this is looked at, and not kept. */
static char text[4 << 20];
static size_t length;

static ssize_t look_at(void *unused, const char *bytes, size_t size)
{
    (void)unused;
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)bytes[i] < ' ' && bytes[i] != '\n') || bytes[i] == 0x7f)
            abort();
    if (length < sizeof text)
        memcpy(text + length, bytes, size < sizeof text - length ? size : sizeof text - length);
    length += size;
    return (ssize_t)size;
}

static void check_json(void)
{
    enum json_tokener_error error = json_tokener_success;
    if (length >= sizeof text)
        return;
    text[length] = '\0';
    json_object_put(json_tokener_parse_verbose(text, &error));
    if (error != json_tokener_success)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const struct show *const shows[] = {&trace_show_text, &trace_show_json,
                                               &trace_show_events};
    size_t count = size < HEAD ? 0 : (size - HEAD) / FILLED;
    if (count == 0 || count > SLOTS_MOST)
        return 0;
    uint64_t first = data[1] | (uint64_t)data[2] << 8;
    word_count = 0;
    for (size_t i = 0; i < count; i++)
        fill(&shared.slot[(first + i) % AGENT_SLOTS], data + HEAD + i * FILLED, first + i);
    show = shows[data[0] % 3];
    length = 0;
    output = fopencookie(NULL, "w", (cookie_io_functions_t){.write = look_at});
    if (!output)
        return 0;
    run(first, first + count);
    fclose(output);
    if (show != &trace_show_text)
        check_json();
    if (getenv("FINI_FUZZ_SHOW"))
        fwrite(text, 1, length < sizeof text ? length : sizeof text, stderr);
    for (size_t i = 0; i < count; i++)
        memset(&shared.slot[(first + i) % AGENT_SLOTS], 0, sizeof *shared.slot);
    return 0;
}
