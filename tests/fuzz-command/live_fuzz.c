/* SPDX-License-Identifier: MIT
 *
 * fini why over a process that lies: its memory, its mappings, and where its loader's data is said
 * to be.
 *
 * Input: see live_input.h. Where nothing is, nothing can be read. Decides: that the answer refers
 * to what there is, and that what is shown gives no terminal orders, or is JSON. Stopping, and
 * stacks, which are libdw's to read, are left out.
 */
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live_copy.h"
#include "live_input.h"
#include "live_loader.h"
#include "text.h"
#include "why.h"

enum { PIECES_MOST = 256, MAPPED_MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* ---- instead of a process -------------------------------------------------------------------- */

struct piece {
    uint64_t address;
    const unsigned char *bytes;
    size_t length;
};

static struct piece pieces[PIECES_MOST];
static size_t piece_count;

static void take_pieces(const unsigned char *data, size_t size)
{
    struct input_piece head;
    piece_count = 0;
    while (size >= sizeof head && piece_count < PIECES_MOST) {
        memcpy(&head, data, sizeof head);
        data += sizeof head;
        size -= sizeof head;
        size_t length = head.length < size ? head.length : size;
        pieces[piece_count++] = (struct piece){head.address, data, length};
        data += length;
        size -= length;
    }
}

static const struct piece *piece_at(uint64_t address)
{
    for (size_t i = 0; i < piece_count; i++)
        if (pieces[i].address && address - pieces[i].address < pieces[i].length)
            return &pieces[i];
    return NULL;
}

size_t live_read(pid_t pid, uint64_t address, void *ret, size_t size)
{
    const struct piece *piece;
    size_t done = 0;
    (void)pid;
    while (done < size && (piece = piece_at(address + done))) {
        uint64_t from = address + done - piece->address;
        size_t length = piece->length - from < size - done ? piece->length - from : size - done;
        memcpy((char *)ret + done, piece->bytes + from, length);
        done += length;
    }
    return done;
}

enum live_file live_file_of(const struct live_process *process, const struct live_mapping *mapping,
                            char ret[LIVE_PATH_SIZE])
{
    (void)process;
    ret[0] = '\0';
    return (enum live_file)(mapping->inode % (FILE_NONE + 1));
}

void live_process_refused(struct live_process *process, int error)
{
    snprintf(process->error, sizeof process->error, "%d", error);
}

bool live_layout_by_trial(struct live_layout *ret)
{
    (void)ret;
    return false;
}

const struct live_frame *why_inside(const struct live_stack *stack, size_t image)
{
    (void)stack;
    (void)image;
    return NULL;
}

/* ---- what is made of it ---------------------------------------------------------------------- */

/* The kernel maps nothing that is not there. */
static void take_mappings(struct live_mappings *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < piece_count; i++) {
        FILE *file = pieces[i].address || !pieces[i].length ? NULL :
                     fmemopen((void *)(uintptr_t)pieces[i].bytes, pieces[i].length, "r");
        if (!file)
            continue;
        live_mappings_parse(file, ret);
        fclose(file);
        break;
    }
    for (size_t i = 0; i < ret->count; i++)
        if (ret->list[i].end - ret->list[i].start > MAPPED_MOST)
            ret->list[i].end = ret->list[i].start + MAPPED_MOST;
}

/* As debug data could have it: see live_layout.c. */
static void take_layout(const struct input_head *head, struct live_layout *ret)
{
    struct live_member *members[INPUT_MEMBERS] = {&ret->opened, &ret->pinned, &ret->destructors,
                                                  &ret->bound};
    static const uint32_t sizes[] = {0, 1, 4, 8};
    for (int i = 0; i < INPUT_MEMBERS; i++) {
        uint32_t size = head->size[i];
        *members[i] = (struct live_member){
            head->offset[i] % LIVE_MAP_SIZE,
            size == 8 || size == 1 || size == 4 ? size : sizes[size % 4], head->mask[i]};
    }
}

static void find_loader(const struct input_head *head, struct live_process *ret)
{
    struct live_auxiliary auxiliary = {head->segments, head->segment_count, head->base,
                                       head->entry, 0};
    ElfW(Ehdr) header = {.e_entry = head->file_entry};
    *ret = (struct live_process){.pid = 1, .reader = 1, .program = "program"};
    if (!live_loader_find(ret, &auxiliary, &header)) {
        if (!memchr(ret->error, '\0', sizeof ret->error) || !ret->error[0])
            abort();
        ret->debug = head->debug;
    }
}

static void copy_images(const struct live_mappings *mappings)
{
    char id[BUILD_ID_SIZE];
    size_t size;
    for (size_t i = 0; i < mappings->count; i++) {
        const struct live_mapping *mapping = &mappings->list[i];
        free(live_copy_image(1, mapping->start, live_mappings_size(mappings, mapping), &size));
        if (live_build_id(1, mapping->start, id) && strspn(id, "0123456789abcdef") != strlen(id))
            abort();
    }
}

static void check(const struct why *why)
{
    size_t count = why->snapshot.images.count;
    for (size_t i = 0; i < count; i++)
        for (int keep = 0; keep < KEEP_COUNT; keep++) {
            const struct keeper_list *list = &why->keeping[i].keeps[keep];
            for (size_t j = 0; list->by && j < list->count; j++)
                if (list->by[j] >= count)
                    abort();
        }
}

static char *shown(const struct why *why, bool json)
{
    char *text = NULL;
    size_t length;
    FILE *before = stdout, *file = open_memstream(&text, &length);
    if (!file)
        return NULL;
    stdout = file;
    (json ? why_json : why_text)(why);
    stdout = before;
    fclose(file);
    return text;
}

static void look_at(const char *text, bool json)
{
    enum json_tokener_error error = json_tokener_success;
    if (getenv("FINI_FUZZ_SHOW"))
        fputs(text, stderr);
    for (const char *c = text; *c; c++)
        if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
            abort();
    if (json)
        json_object_put(json_tokener_parse_verbose(text, &error));
    if (error != json_tokener_success)
        abort();
}

static void show(struct why *why, const struct input_head *head)
{
    size_t count = why->snapshot.images.count;
    why->library = head->one_by_one % 2 ? "library" : NULL;
    why->selected = malloc(count);
    if (!why->selected)
        return;
    memset(why->selected, 1, count);
    why->selected_count = count;
    char *text = shown(why, head->json % 2);
    if (text)
        look_at(text, head->json % 2);
    free(text);
    free(why->selected);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct why why = {.verbose = true};
    struct input_head head;
    if (size < sizeof head)
        return 0;
    memcpy(&head, data, sizeof head);
    take_pieces(data + sizeof head, size - sizeof head);
    take_layout(&head, &why.layout);
    find_loader(&head, &why.process);
    take_mappings(&why.mappings);
    copy_images(&why.mappings);
    if (live_images_list(&why.process, &why.layout, &why.snapshot.images) &&
        live_images_complete(&why.process, &why.mappings, &why.snapshot.images)) {
        why.keeping = keep_find(&why.snapshot.images, why.process.is_musl);
        if (why.keeping) {
            check(&why);
            show(&why, &head);
        }
        keep_free(why.keeping, why.snapshot.images.count);
    }
    live_images_free(&why.snapshot.images);
    live_mappings_free(&why.mappings);
    return 0;
}
