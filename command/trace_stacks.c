/* SPDX-License-Identifier: MIT
 *
 * trace_stacks.c - stacks by libdw, which attaches to a thread, walks, and lets it go.
 *
 * Decides: a thread that sleeps in a system call which a stop would end with EINTR (signal(7)) is
 * not stopped, because the program would see that; it does if the call begins or ends between the
 * look and the stop. Where a thread sleeps is told by /proc, and its stack is looked through for
 * addresses behind calls. Nothing is fetched from servers of debug data.
 */
#include "trace_stacks.h"

#include <dirent.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "live_process.h"
#include "live_sleep.h"

enum { GUESS_BYTES = 16384 };

static Dwfl *session;

static int no_debug_data(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                         const char *file, const char *link, GElf_Word crc, char **ret)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)ret;
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf, .find_debuginfo = no_debug_data};

/* Files that were mapped before stay open. */
static bool open_session(pid_t process)
{
    bool fresh = !session;
    if (fresh)
        session = dwfl_begin(&callbacks);
    if (!session)
        return false;
    dwfl_report_begin(session);
    dwfl_linux_proc_report(session, process);
    dwfl_report_end(session, NULL, NULL);
    return !fresh || dwfl_linux_proc_attach(session, process, false) == 0;
}

static int add_frame(Dwfl_Frame *frame, void *data)
{
    struct stack *stack = data;
    Dwarf_Addr address;
    bool exact;
    if (!dwfl_frame_pc(frame, &address, &exact) || !address)
        return DWARF_CB_ABORT;
    stack->frame[stack->count++] = exact ? address : address - 1;
    return stack->count < FRAMES_MOST ? DWARF_CB_OK : DWARF_CB_ABORT;
}

/* A file of a program lies behind the address, by the maps that the session has read. */
static void guess(pid_t process, uint64_t top, uint64_t address, struct stack *ret)
{
    static uint64_t words[GUESS_BYTES / sizeof(uint64_t)];
    struct iovec here = {words, sizeof words}, there = {(void *)(uintptr_t)top, sizeof words};
    ssize_t size = process_vm_readv(process, &here, 1, &there, 1, 0);
    ret->guessed = true;
    ret->frame[ret->count++] = address;
    /* The stack may end sooner. */
    while (size <= 0 && here.iov_len > 512) {
        here.iov_len = there.iov_len = here.iov_len / 2;
        size = process_vm_readv(process, &here, 1, &there, 1, 0);
    }
    for (size_t i = 0; (ssize_t)(i * sizeof *words) < size && ret->count < FRAMES_MOST; i++)
        if (dwfl_addrmodule(session, words[i]))
            ret->frame[ret->count++] = words[i] - 1;
}

struct taking {
    pid_t process;
    int only, without;
    struct stacks *ret;
};

static int take_thread(Dwfl_Thread *thread, void *data)
{
    struct taking *taking = data;
    int number = dwfl_thread_tid(thread);
    if (number == taking->without || (taking->only && number != taking->only) ||
        live_thread_is_kernels(taking->process, number))
        return DWARF_CB_OK;
    taking->ret->cut = taking->ret->count == THREADS_MOST;
    if (taking->ret->cut)
        return DWARF_CB_ABORT;
    struct stack *stack = &taking->ret->stack[taking->ret->count++];
    *stack = (struct stack){.thread = number};
    struct live_sleep sleep;
    if (live_sleep_read(taking->process, number, &sleep))
        guess(taking->process, sleep.stack, sleep.address, stack);
    else
        dwfl_thread_getframes(thread, add_frame, stack);
    return DWARF_CB_OK;
}

void stacks_take(pid_t process, int only, int without, struct stacks *ret)
{
    struct taking taking = {process, only, without, ret};
    ret->count = 0;
    ret->cut = false;
    if (open_session(process))
        dwfl_getthreads(session, take_thread, &taking);
}

bool stacks_are_many(pid_t process)
{
    char path[40];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    for (struct dirent *entry; count < 2 && (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count > 1;
}
