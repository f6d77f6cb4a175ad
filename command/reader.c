/* SPDX-License-Identifier: MIT
 *
 * reader.c - see reader.h.
 */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 20 };

/* What the child fills. */
struct shared {
    struct image image;
    bool finished;
};

static const uint64_t memory_most = 1ull << 30;

static void limit(int what, uint64_t most)
{
    struct rlimit limits = {most, most};
    setrlimit((__rlimit_resource_t)what, &limits);
}

/* Memory is what can be written, the file's own private mapping included. The address sanitizer's
 * would not fit. */
static void set_limits(uint64_t size)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, SECONDS);
#ifndef __SANITIZE_ADDRESS__
    limit(RLIMIT_DATA, memory_most + size);
#endif
}

/* libelf notes in the section headers that it has decompressed a section (elf_compress). */
__attribute__((noreturn))
static void child(int fd, uint64_t size, const char *path, struct shared *ret)
{
    set_limits(size);
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        image_fail(&ret->image, "cannot be read: %s", strerror(errno));
    else
        image_read(bytes, size, path, &ret->image);
    ret->finished = true;
    _exit(0);
}

static void judge(int status, struct image *ret)
{
    int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    memset(ret, 0, sizeof *ret);
    if (signal_number == SIGXCPU || signal_number == SIGKILL)
        image_fail(ret, "damaged: reading it takes more than %d seconds", SECONDS);
    else
        image_fail(ret, "damaged: whoever reads it crashes (%s)",
                   signal_number ? strsignal(signal_number) : "exit");
}

/* The child's memory may hold anything after a crash of it. */
static void take(const struct image *shared, struct image *ret)
{
    *ret = *shared;
    ret->error[ERROR_SIZE - 1] = '\0';
    for (int i = 0; i < FINDING_COUNT; i++)
        for (int j = 0; j < EVIDENCE_MOST; j++) {
            ret->found[i].evidence[j].name[NAME_SIZE - 1] = '\0';
            ret->found[i].evidence[j].place[PLACE_SIZE - 1] = '\0';
        }
    if ((unsigned)ret->format > FORMAT_MACHO || (unsigned)ret->kind > KIND_OTHER)
        image_fail(ret, "damaged: whoever reads it is led astray");
}

static void read_in_child(int fd, uint64_t size, const char *path, struct image *ret)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = shared == MAP_FAILED ? -1 : fork();
    int status;
    if (pid == 0)
        child(fd, size, path, shared);
    if (pid < 0) {
        image_fail(ret, "cannot be read: %s", strerror(errno));
    } else {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        take(&shared->image, ret);
        if (!shared->finished)
            judge(status, ret);
    }
    if (shared != MAP_FAILED)
        munmap(shared, sizeof *shared);
}

void reader_read(const char *path, struct image *ret)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    memset(ret, 0, sizeof *ret);
    if (fd < 0 || fstat(fd, &info) < 0)
        image_fail(ret, "%s", strerror(errno));
    else if (!S_ISREG(info.st_mode))
        image_fail(ret, "not a file");
    else if (info.st_size == 0)
        ret->kind = KIND_OTHER;
    else
        read_in_child(fd, (uint64_t)info.st_size, path, ret);
    if (fd >= 0)
        close(fd);
}
