/* SPDX-License-Identifier: MIT
 *
 * live_core.c - see live_core.h.
 */
#include "live_core.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

struct writer {
    char *bytes;
    size_t at;
    const struct live_thread *threads;
    size_t thread_count;
};

static size_t aligned(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

static size_t note_size(size_t size)
{
    return sizeof(ElfW(Nhdr)) + 8 + aligned(size);
}

static void put_note(struct writer *w, unsigned type, const void *data, size_t size)
{
    ElfW(Nhdr) header = {5, (ElfW(Word))size, type};
    memcpy(w->bytes + w->at, &header, sizeof header);
    memcpy(w->bytes + w->at + sizeof header, "CORE", 5);
    memcpy(w->bytes + w->at + sizeof header + 8, data, size);
    w->at += note_size(size);
}

static void put_thread(struct writer *w, const struct live_thread *thread)
{
    struct elf_prstatus status;
    memset(&status, 0, sizeof status);
    status.pr_pid = thread->tid;
    memcpy(&status.pr_reg, &thread->registers, sizeof status.pr_reg);
    put_note(w, NT_PRSTATUS, &status, sizeof status);
}

/* The architecture is our own. */
static bool header_of(size_t segments, ElfW(Ehdr) *ret)
{
    bool read = live_own_header(ret);
    ret->e_type = ET_CORE;
    ret->e_entry = ret->e_shoff = 0;
    ret->e_shnum = ret->e_shstrndx = 0;
    ret->e_phoff = sizeof *ret;
    ret->e_phnum = (ElfW(Half))segments;
    return read;
}

static void put_segment(char *bytes, size_t number, const ElfW(Phdr) *segment)
{
    memcpy(bytes + sizeof(ElfW(Ehdr)) + number * sizeof *segment, segment, sizeof *segment);
}

/* Both walk through the threads that have a stack. */
static void put_notes(struct writer *w, pid_t pid)
{
    struct elf_prpsinfo info = {.pr_pid = pid};
    size_t at = w->at;
    put_note(w, NT_PRPSINFO, &info, sizeof info);
    for (size_t i = 0; i < w->thread_count; i++)
        if (w->threads[i].stack)
            put_thread(w, &w->threads[i]);
    put_segment(w->bytes, 0, &(ElfW(Phdr)){.p_type = PT_NOTE, .p_offset = at, .p_align = 4,
                                           .p_filesz = w->at - at});
}

static void put_stack(struct writer *w, const struct live_thread *t, size_t number)
{
    put_segment(w->bytes, number, &(ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R | PF_W,
        .p_offset = w->at, .p_vaddr = t->stack_at, .p_filesz = t->stack_size,
        .p_memsz = t->stack_size, .p_align = 1});
    memcpy(w->bytes + w->at, t->stack, t->stack_size);
    w->at += t->stack_size;
}

static void put_stacks(struct writer *w)
{
    size_t number = 1;
    for (size_t i = 0; i < w->thread_count; i++)
        if (w->threads[i].stack)
            put_stack(w, &w->threads[i], number++);
}

static void count(const struct writer *w, size_t *ret_threads, size_t *ret_bytes)
{
    *ret_threads = *ret_bytes = 0;
    for (size_t i = 0; i < w->thread_count; i++) {
        *ret_threads += w->threads[i].stack != NULL;
        *ret_bytes += w->threads[i].stack_size;
    }
}

char *live_core_make(pid_t pid, const struct live_thread *threads, size_t thread_count,
                     size_t *ret_size)
{
    size_t with_stack, stacks;
    ElfW(Ehdr) header;
    struct writer w = {NULL, 0, threads, thread_count};
    count(&w, &with_stack, &stacks);
    w.at = sizeof header + (with_stack + 1) * sizeof(ElfW(Phdr));
    *ret_size = w.at + note_size(sizeof(struct elf_prpsinfo)) +
                with_stack * note_size(sizeof(struct elf_prstatus)) + stacks;
    if (with_stack && with_stack + 1 < PN_XNUM && header_of(with_stack + 1, &header))
        w.bytes = calloc(1, *ret_size);
    if (!w.bytes)
        return NULL;
    memcpy(w.bytes, &header, sizeof header);
    put_notes(&w, pid);
    put_stacks(&w);
    return w.bytes;
}
