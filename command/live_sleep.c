/* SPDX-License-Identifier: MIT
 *
 * live_sleep.c - see live_sleep.h.
 */
#include "live_sleep.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static FILE *open_of(pid_t pid, pid_t tid, const char *name)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    return fopen(path, "re");
}

/* The number of the call, six arguments, the stack pointer and the address. */
static bool read_call(pid_t pid, pid_t tid, struct live_sleep *ret)
{
    unsigned long long file, stack, address;
    FILE *from = open_of(pid, tid, "syscall");
    bool read = from && fscanf(from, "%ld %llx %*x %*x %*x %*x %*x %llx %llx", &ret->call, &file,
                               &stack, &address) == 4;
    if (from)
        fclose(from);
    if (!read)
        return false;
    ret->file = (long)file;
    ret->stack = stack;
    ret->address = address;
    return true;
}

static long read_switches(pid_t pid, pid_t tid)
{
    char line[256];
    long count = -1;
    FILE *from = open_of(pid, tid, "status");
    while (from && fgets(line, sizeof line, from))
        sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    if (from)
        fclose(from);
    return count;
}

static bool is_one_of(long call, const long *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (call == list[i])
            return true;
    return false;
}

static bool has_limit(int socket, int option)
{
    struct timeval limit = {0, 0};
    socklen_t size = sizeof limit;
    return getsockopt(socket, SOL_SOCKET, option, &limit, &size) != 0 || limit.tv_sec ||
           limit.tv_usec;
}

/* A socket with a time limit. Where it cannot be asked, any socket may have one. */
static bool is_limited(pid_t pid, long file)
{
    struct stat status;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%ld", (int)pid, file);
    if (stat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
        return false;
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int ours = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)file, 0);
    bool limited = ours < 0 || has_limit(ours, SO_RCVTIMEO) || has_limit(ours, SO_SNDTIMEO);
    if (ours >= 0)
        close(ours);
    if (process >= 0)
        close(process);
    return limited;
}

/* epoll_wait, where there is one, is epoll_pwait with less; 441 is epoll_pwait2. io_getevents and
 * io_uring_enter are not in signal(7). */
static bool ends_by_stop(pid_t pid, const struct live_sleep *sleep)
{
    static const long ended[] = {FINI_SYS_EPOLL_WAIT, SYS_epoll_pwait, 441, SYS_rt_sigtimedwait,
                                 SYS_semop, SYS_semtimedop, SYS_io_getevents, SYS_io_uring_enter};
    static const long on_sockets[] = {SYS_read, SYS_readv, SYS_write, SYS_writev, SYS_accept,
                                      SYS_accept4, SYS_connect, SYS_recvfrom, SYS_recvmsg,
                                      SYS_recvmmsg, SYS_sendto, SYS_sendmsg, SYS_sendmmsg};
    return is_one_of(sleep->call, ended, sizeof ended / sizeof *ended) ||
           (is_one_of(sleep->call, on_sockets, sizeof on_sockets / sizeof *on_sockets) &&
            is_limited(pid, sleep->file));
}

/* The count first: whoever wakes in between has another one later. */
bool live_sleep_read(pid_t pid, pid_t tid, struct live_sleep *ret)
{
    if (!read_call(pid, tid, ret) || !ends_by_stop(pid, ret))
        return false;
    ret->switches = read_switches(pid, tid);
    return live_sleep_lasts(pid, tid, ret);
}

bool live_sleep_lasts(pid_t pid, pid_t tid, const struct live_sleep *sleep)
{
    struct live_sleep now;
    return read_call(pid, tid, &now) && now.call == sleep->call && now.stack == sleep->stack &&
           now.address == sleep->address && read_switches(pid, tid) == sleep->switches;
}
