/* SPDX-License-Identifier: MIT
 *
 * live_stacks.c - see live_stacks.h. The process runs again by now; only its files, and code that
 * has no file any more, are still read.
 */
#include "live_stacks.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demangle.h"
#include "live_copy.h"
#include "live_core.h"
#include "regular.h"

enum { COPIES_MOST = 4096, THREADS_OF_A_CORE = 512 };

/* libdwfl hands its callbacks nothing of ours for modules that it has found by itself. */
static struct {
    const struct live_process *process;
    const struct live_mappings *mappings;
    char *copies[COPIES_MOST];         /* images read from memory, which libelf uses in place */
    size_t copy_count;
} reading;

/* ---- files of modules ---------------------------------------------------------------------- */

/* The file as the process has mapped it: by its path, or by the mapping itself where we may. */
static int open_mapped(const struct live_mapping *mapping, char **ret_name)
{
    char path[LIVE_PATH_SIZE];
    int fd = -1;
    enum live_file file = live_file_of(reading.process, mapping, path);
    if (mapping->path[0] != '/')
        return -1;
    if (file == FILE_THERE || file == FILE_CHANGED)
        fd = regular_open(path);
    if (fd < 0) {
        snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", (int)reading.process->reader,
                 (unsigned long long)mapping->start, (unsigned long long)mapping->end);
        fd = regular_open(path);
    }
    if (fd >= 0)
        *ret_name = strdup(path);
    return fd;
}

static Elf *from_memory(const struct live_mapping *mapping, uint64_t base)
{
    size_t size;
    char *copy = NULL;
    if (reading.copy_count < COPIES_MOST)
        copy = live_copy_image(reading.process->reader, base,
                               live_mappings_size(reading.mappings, mapping), &size);
    if (!copy)
        return NULL;
    reading.copies[reading.copy_count++] = copy;
    return elf_memory(copy, size);
}

static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                    char **ret_name, Elf **ret_elf)
{
    const struct live_mapping *mapping = live_mapping_of(reading.mappings, base);
    (void)module;
    (void)data;
    (void)name;
    int fd = mapping ? open_mapped(mapping, ret_name) : -1;
    if (fd < 0 && mapping)
        *ret_elf = from_memory(mapping, base);
    return fd;
}

/* ---- frames -------------------------------------------------------------------------------- */

static char *place_of(Dwfl_Module *module, uint64_t address)
{
    char place[512];
    int line;
    Dwfl_Line *found = dwfl_module_getsrc(module, address);
    const char *file = found ? dwfl_lineinfo(found, NULL, &line, NULL, NULL, NULL) : NULL;
    if (!file)
        return NULL;
    snprintf(place, sizeof place, "%s:%d", file, line);
    return strdup(place);
}

static size_t image_at(const struct live_images *images, uint64_t address)
{
    for (size_t i = 0; i < images->count; i++)
        if (address >= images->list[i].start && address < images->list[i].end)
            return i;
    return SIZE_MAX;
}

static void describe(Dwfl *dwfl, struct live_frame *frame)
{
    Dwfl_Module *module = dwfl_addrmodule(dwfl, frame->address);
    char text[320];
    GElf_Off offset;
    GElf_Sym symbol;
    const char *name = module ? dwfl_module_addrinfo(module, frame->address, &offset, &symbol,
                                                     NULL, NULL, NULL) : NULL;
    if (name) {
        demangle(name, text, sizeof text);
        text[strcspn(text, "@")] = '\0'; /* a version follows */
        frame->function = strdup(text);
        frame->offset = offset;
    }
    frame->place = module ? place_of(module, frame->address) : NULL;
}

struct walk {
    Dwfl *dwfl;
    const struct live_images *images;
    struct live_stack *stack;
};

static bool is_unknown(Dwarf_Addr pc)
{
    return pc == (Dwarf_Addr)-1 / 0xff * LIVE_UNKNOWN;
}

/* A return address may already belong to the next function: the call is before it. */
static int add_frame(Dwfl_Frame *state, void *argument)
{
    struct walk *walk = argument;
    struct live_stack *stack = walk->stack;
    bool activation;
    Dwarf_Addr pc;
    if (stack->count == FRAMES_MOST || !dwfl_frame_pc(state, &pc, &activation) || is_unknown(pc))
        return DWARF_CB_ABORT;
    struct live_frame *frames = realloc(stack->frames, (stack->count + 1) * sizeof *frames);
    if (!frames)
        return DWARF_CB_ABORT;
    stack->frames = frames;
    struct live_frame *frame = &frames[stack->count++];
    memset(frame, 0, sizeof *frame);
    frame->address = activation ? pc : pc - 1;
    frame->image = image_at(walk->images, frame->address);
    describe(walk->dwfl, frame);
    return DWARF_CB_OK;
}

/* Its unwind table says that there is no return address: _start, and where threads begin. */
static bool is_outermost(Dwfl *dwfl, uint64_t address)
{
    Dwarf_Addr bias, begin, end;
    Dwarf_Op memory[3], *operations;
    Dwarf_Frame *frame;
    bool signal;
    size_t count = 1;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    Dwarf_CFI *table = module ? dwfl_module_eh_cfi(module, &bias) : NULL;
    if (!table || dwarf_cfi_addrframe(table, address - bias, &frame) != 0)
        return false;
    int number = dwarf_frame_info(frame, &begin, &end, &signal);
    bool undefined = number >= 0 &&
                     dwarf_frame_register(frame, number, memory, &operations, &count) == 0 &&
                     count == 0 && operations == memory;
    free(frame);
    return undefined;
}

/* libdwfl (0.188) takes it for the end of a stack as well that memory was not there to be read. */
static bool is_whole(Dwfl *dwfl, const struct live_stack *stack)
{
    bool all_there = !stack->thread->asleep && !stack->thread->stack_cut;
    return stack->count &&
           (all_there || is_outermost(dwfl, stack->frames[stack->count - 1].address));
}

static void walk_all(Dwfl *dwfl, const struct live_images *images, struct live_stack *stacks,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct walk walk = {dwfl, images, &stacks[i]};
        if (stacks[i].thread->stack)
            stacks[i].whole = dwfl_getthread_frames(dwfl, stacks[i].thread->tid, add_frame,
                                                    &walk) == 0 &&
                              is_whole(dwfl, &stacks[i]);
    }
}

/* ---- all ----------------------------------------------------------------------------------- */

static Dwfl *open_dwfl(const struct live_process *process, Elf *core)
{
    static char *no_path = NULL;
    static const Dwfl_Callbacks callbacks = {
        .find_elf = find_elf, .find_debuginfo = dwfl_standard_find_debuginfo,
        .debuginfo_path = &no_path};
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (!dwfl)
        return NULL;
    if (dwfl_linux_proc_report(dwfl, process->reader) == 0 &&
        dwfl_report_end(dwfl, NULL, NULL) == 0 && dwfl_core_file_attach(dwfl, core) > 0)
        return dwfl;
    dwfl_end(dwfl);
    return NULL;
}

/* The threads that begin there, by a core file of these alone. */
static bool walk_some(const struct live_process *process, const struct live_images *images,
                      struct live_stack *stacks, size_t count)
{
    size_t size = 0;
    char *bytes = live_core_make(process->pid, stacks->thread, count, &size);
    Elf *core = bytes ? elf_memory(bytes, size) : NULL;
    Dwfl *dwfl = core ? open_dwfl(process, core) : NULL;
    if (dwfl)
        walk_all(dwfl, images, stacks, count);
    dwfl_end(dwfl);
    elf_end(core);
    free(bytes);
    while (reading.copy_count)
        free(reading.copies[--reading.copy_count]);
    return dwfl != NULL;
}

static void prepare(const struct live_snapshot *snapshot, struct live_stacks *ret)
{
    ret->list = calloc(snapshot->thread_count + 1, sizeof *ret->list);
    ret->count = ret->list ? snapshot->thread_count : 0;
    for (size_t i = 0; i < ret->count; i++)
        ret->list[i].thread = &snapshot->threads[i];
}

/* libelf looks for each piece of a core file from the beginning (0.188, elf_getdata_rawchunk), so
 * the time grows with the square of the threads that are in one. */
bool live_stacks_read(const struct live_process *process, const struct live_mappings *mappings,
                      const struct live_snapshot *snapshot, struct live_stacks *ret)
{
    bool walked = true;
    prepare(snapshot, ret);
    unsetenv("DEBUGINFOD_URLS"); /* nothing is asked of the network */
    elf_version(EV_CURRENT);
    reading.process = process;
    reading.mappings = mappings;
    for (size_t i = 0; i < ret->count; i += THREADS_OF_A_CORE) {
        size_t left = ret->count - i;
        walked &= walk_some(process, &snapshot->images, &ret->list[i],
                            left < THREADS_OF_A_CORE ? left : THREADS_OF_A_CORE);
    }
    return walked;
}

static void free_stack(struct live_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        free(stack->frames[i].function);
        free(stack->frames[i].place);
    }
    free(stack->frames);
}

void live_stacks_free(struct live_stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        free_stack(&stacks->list[i]);
    free(stacks->list);
}
