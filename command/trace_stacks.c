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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

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

/* What /proc tells of a thread that sleeps in a system call; number: -1, it runs. */
struct sleep {
    long number, file;
    uint64_t stack, address;
};

static struct sleep sleep_of(pid_t process, int thread)
{
    char path[80], line[256] = "";
    struct sleep sleep = {.number = -1};
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", process, thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return sleep;
    if (fgets(line, sizeof line, file) &&
        sscanf(line, "%ld %lx", &sleep.number, (unsigned long *)&sleep.file) >= 1) {
        char *last = strrchr(line, ' ');
        sleep.address = last ? strtoull(last, NULL, 16) : 0;
        if (last)
            *last = '\0';
        last = strrchr(line, ' ');
        sleep.stack = last ? strtoull(last, NULL, 16) : 0;
    }
    fclose(file);
    return sleep;
}

static bool is_one_of(long number, const long *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (number == list[i])
            return true;
    return false;
}

/* A socket with a time limit. Where it cannot be asked, any socket may have one. */
static bool has_limit(pid_t process, long number)
{
    struct timeval receive = {0, 0}, send = {0, 0};
    socklen_t size = sizeof receive, also = sizeof send;
    struct stat status;
    char path[60];
    snprintf(path, sizeof path, "/proc/%d/fd/%ld", process, number);
    if (stat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
        return false;
    int handle = (int)syscall(SYS_pidfd_open, process, 0);
    int file = handle < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, handle, (int)number, 0);
    bool limited = file < 0 ||
                   getsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &receive, &size) != 0 ||
                   getsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &send, &also) != 0 ||
                   receive.tv_sec || receive.tv_usec || send.tv_sec || send.tv_usec;
    if (file >= 0)
        close(file);
    if (handle >= 0)
        close(handle);
    return limited;
}

/* epoll_wait, where there is one, is epoll_pwait with less; 441 is epoll_pwait2. */
static bool must_not_be_stopped(pid_t process, const struct sleep *sleep)
{
    static const long ended[] = {SYS_epoll_pwait, FINI_SYS_EPOLL_WAIT, 441, SYS_rt_sigtimedwait,
                                 SYS_semtimedop, SYS_semop, SYS_io_getevents, SYS_io_pgetevents,
                                 SYS_io_uring_enter};
    static const long limited[] = {SYS_read, SYS_readv, SYS_write, SYS_writev, SYS_accept,
                                   SYS_accept4, SYS_connect, SYS_recvfrom, SYS_recvmsg,
                                   SYS_recvmmsg, SYS_sendto, SYS_sendmsg, SYS_sendmmsg};
    return is_one_of(sleep->number, ended, sizeof ended / sizeof *ended) ||
           (is_one_of(sleep->number, limited, sizeof limited / sizeof *limited) &&
            has_limit(process, sleep->file));
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
    if (number == taking->without || (taking->only && number != taking->only))
        return DWARF_CB_OK;
    taking->ret->cut = taking->ret->count == THREADS_MOST;
    if (taking->ret->cut)
        return DWARF_CB_ABORT;
    struct stack *stack = &taking->ret->stack[taking->ret->count++];
    *stack = (struct stack){.thread = number};
    struct sleep sleep = sleep_of(taking->process, number);
    if (must_not_be_stopped(taking->process, &sleep))
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
