/* SPDX-License-Identifier: MIT
 *
 * live_process.c - see live_process.h.
 */
#include "live_process.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live_loader.h"

enum { AUXILIARY_MOST = 64 };

__attribute__((format(printf, 2, 3))) static bool fail(struct live_process *p,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->error, sizeof p->error, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- /proc --------------------------------------------------------------------------------- */

static FILE *open_of(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return fopen(path, "re");
}

/* The number of a line of /proc/PID/status; -1: there is none. */
static long status_number(pid_t pid, const char *key)
{
    char line[256];
    long number = -1;
    FILE *file = open_of(pid, "status");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            number = strtol(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    return number;
}

static bool first_line(FILE *file, char *ret, size_t size)
{
    bool read = file && fgets(ret, (int)size, file);
    if (file)
        fclose(file);
    return read;
}

struct status {
    char state;
    unsigned flags;
    unsigned long long start;
};

static bool read_status(pid_t pid, const char *name, struct status *ret)
{
    char line[1024];
    const char *end = first_line(open_of(pid, name), line, sizeof line) ? strrchr(line, ')') : 0;
    return end && sscanf(end + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d "
                         "%*d %*d %*d %*d %llu", &ret->state, &ret->flags, &ret->start) == 3;
}

static bool read_thread(pid_t pid, pid_t tid, struct status *ret)
{
    char name[64];
    snprintf(name, sizeof name, "task/%d/stat", (int)tid);
    return read_status(pid, name, ret);
}

char live_thread_state(pid_t pid, pid_t tid)
{
    struct status status;
    return read_thread(pid, tid, &status) ? status.state : 'X';
}

/* PF_IO_WORKER, since Linux 5.12, and PF_KTHREAD. */
bool live_thread_is_kernels(pid_t pid, pid_t tid)
{
    struct status status;
    return read_thread(pid, tid, &status) && (status.flags & (0x10 | 0x200000)) != 0;
}

bool live_thread_is_dead(pid_t pid, pid_t tid)
{
    char state = live_thread_state(pid, tid);
    return state == 'Z' || state == 'X';
}

static int64_t clock_now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The clocks are read together: btime of /proc/stat is whole seconds, and moves. */
static struct timespec started(pid_t pid)
{
    unsigned long long rate = (unsigned long long)sysconf(_SC_CLK_TCK);
    struct status status;
    if (!read_status(pid, "stat", &status))
        return (struct timespec){0, 0};
    int64_t age = clock_now(CLOCK_BOOTTIME) -
                  (int64_t)((status.start + 1) * (1000000000 / rate));
    int64_t then = clock_now(CLOCK_REALTIME) - age;
    return (struct timespec){(time_t)(then / 1000000000), (long)(then % 1000000000)};
}

/* The first thread may have ended by pthread_exit; then there is no memory under its id. */
static pid_t living_thread(pid_t pid)
{
    char path[64];
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid > 0 && !live_thread_is_dead(pid, tid))
            found = tid;
    }
    if (folder)
        closedir(folder);
    return found;
}

void live_path(const struct live_process *process, const char *path, char ret[LIVE_PATH_SIZE])
{
    snprintf(ret, LIVE_PATH_SIZE, "/proc/%d/root%s", (int)process->reader, path);
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* The kernel shows paths as far as we can reach them (d_path): of a process in another mount
 * namespace from its root, of one that has only changed its root from ours. The number of the file
 * decides; overlayfs and btrfs may show another one, so what is not deleted is taken as well. */
static bool find_file(const struct live_process *process, const struct live_mapping *mapping,
                      bool same, char ret[LIVE_PATH_SIZE], struct stat *ret_status)
{
    live_path(process, mapping->path, ret);
    if (stat(ret, ret_status) == 0 && (!same || ret_status->st_ino == mapping->inode))
        return true;
    snprintf(ret, LIVE_PATH_SIZE, "%s", mapping->path);
    return stat(ret, ret_status) == 0 && (!same || ret_status->st_ino == mapping->inode);
}

enum live_file live_file_of(const struct live_process *process, const struct live_mapping *mapping,
                            char ret[LIVE_PATH_SIZE])
{
    struct stat status;
    if (mapping->path[0] != '/' || strncmp(mapping->path, "/memfd:", 7) == 0)
        return FILE_NONE;
    if (!find_file(process, mapping, true, ret, &status) &&
        !find_file(process, mapping, false, ret, &status))
        return FILE_DELETED;
    if (mapping->deleted)
        return FILE_REPLACED;
    bool changed = process->started.tv_sec && is_later(&status.st_mtim, &process->started);
    return changed ? FILE_CHANGED : FILE_THERE;
}

/* ---- what hinders -------------------------------------------------------------------------- */

static long yama(void)
{
    char line[16];
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    return first_line(file, line, sizeof line) ? strtol(line, NULL, 10) : -1;
}

void live_process_refused(struct live_process *p, int error)
{
    long tracer = status_number(p->pid, "TracerPid:"), scope = yama();
    if (error == ESRCH || error == ENOENT || error == 0)
        fail(p, "it has ended");
    else if (error == EFAULT)
        fail(p, "it is becoming another program");
    else if (tracer > 0)
        fail(p, "process %ld traces it already", tracer);
    else if (scope > 0 && geteuid() != 0)
        fail(p, "not permitted: /proc/sys/kernel/yama/ptrace_scope is %ld; try as root", scope);
    else if (scope == 3)
        fail(p, "not permitted to anybody: /proc/sys/kernel/yama/ptrace_scope is 3");
    else
        fail(p, "not permitted: %s", strerror(error));
}

bool live_own_header(ElfW(Ehdr) *ret)
{
    FILE *file = fopen("/proc/self/exe", "re");
    bool read = file && fread(ret, sizeof *ret, 1, file) == 1;
    if (file)
        fclose(file);
    return read;
}

static bool same_architecture(struct live_process *p, const ElfW(Ehdr) *theirs)
{
    ElfW(Ehdr) ours;
    if (!live_own_header(&ours))
        return fail(p, "/proc/self/exe cannot be read");
    if (memcmp(theirs->e_ident, ELFMAG, SELFMAG) != 0)
        return fail(p, "its program is no ELF file");
    if (theirs->e_ident[EI_CLASS] != ours.e_ident[EI_CLASS] ||
        theirs->e_machine != ours.e_machine)
        return fail(p, "a program of another architecture than fini is of");
    return true;
}

static bool open_program(struct live_process *p, ElfW(Ehdr) *ret)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)p->reader);
    ssize_t length = readlink(path, p->program, sizeof p->program - 1);
    if (length < 0 && live_thread_is_kernels(p->pid, p->reader))
        return fail(p, "it runs no program: a thread of the kernel");
    if (length < 0) {
        live_process_refused(p, errno);
        return false;
    }
    p->program[length] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, ret, sizeof *ret);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        live_process_refused(p, error);
    return got < 0 ? false : got == sizeof *ret || fail(p, "its program is no ELF file");
}

/* ---- the program --------------------------------------------------------------------------- */

static bool read_auxiliary(struct live_process *p, struct live_auxiliary *ret)
{
    ElfW(auxv_t) entries[AUXILIARY_MOST];
    errno = 0; /* and stays so where the memory has gone, but not the process */
    FILE *file = open_of(p->reader, "auxv");
    size_t count = file ? fread(entries, sizeof *entries, AUXILIARY_MOST, file) : 0;
    int error = errno;
    if (file)
        fclose(file);
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < count; i++) {
        switch (entries[i].a_type) {
        case AT_PHDR: ret->segments = entries[i].a_un.a_val; break;
        case AT_PHNUM: ret->segment_count = entries[i].a_un.a_val; break;
        case AT_BASE: ret->base = entries[i].a_un.a_val; break;
        case AT_ENTRY: ret->entry = entries[i].a_un.a_val; break;
        case AT_RANDOM: ret->random = entries[i].a_un.a_val; break;
        }
    }
    if (!count)
        live_process_refused(p, error);
    /* exec has made the memory, and not yet said what is there. */
    return count != 0 && (ret->segments || fail(p, "it is becoming another program"));
}

/* Where the kernel has put the program and its stack, at random. */
static uint64_t place_of(const struct live_auxiliary *a)
{
    return a->base ^ a->entry ^ a->random << 8;
}

bool live_process_is_another(const struct live_process *process)
{
    struct live_process now = *process;
    struct live_auxiliary auxiliary;
    if (!process->place)
        return false;
    return !read_auxiliary(&now, &auxiliary) || place_of(&auxiliary) != process->place;
}

bool live_process_open(pid_t pid, struct live_process *p)
{
    struct live_auxiliary auxiliary;
    ElfW(Ehdr) header;
    memset(p, 0, sizeof *p);
    long group = pid > 0 ? status_number(pid, "Tgid:") : -1;
    p->pid = group > 0 ? (pid_t)group : pid;
    if (group <= 0)
        return fail(p, "no such process");
    p->reader = living_thread(p->pid);
    if (!p->reader)
        return fail(p, "it has ended");
    p->started = started(p->pid);
    /* Before anything is read that an exec changes. */
    p->place = read_auxiliary(p, &auxiliary) ? place_of(&auxiliary) : 0;
    return open_program(p, &header) && same_architecture(p, &header) &&
           read_auxiliary(p, &auxiliary) && live_loader_find(p, &auxiliary, &header);
}
