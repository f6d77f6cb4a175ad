/* SPDX-License-Identifier: MIT
 *
 * keeper.c - see keeper.h.
 *
 * With a namespace there is one process more: the first one in it (its number there is 1), which
 * does the keeping. The keeper outside waits for that one, and ends it should `fini` end.
 */
#include "keeper.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ROUNDS_MOST = 2000,              /* of ending processes that start others */
    PROCESSES_MOST = 2000,           /* more than there have been, in the whole system */
    NAP = 20000000                   /* nanoseconds */
};

struct keeper {
    bool alone;                      /* in a namespace of its own */
    struct keeping *keeping;
};

/* ---- what is left -------------------------------------------------------------------------- */

static pid_t parent_of(const char *process)
{
    char path[64], line[512], *end;
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%.16s/stat", process);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fgets(line, sizeof line, file) && (end = strrchr(line, ')')))
        sscanf(end + 1, " %*c %d", &parent);
    fclose(file);
    return parent;
}

/* In a namespace, /proc still has the numbers that are used outside. */
static pid_t own_number(void)
{
    char text[32];
    ssize_t length = readlink("/proc/self", text, sizeof text - 1);
    if (length < 0)
        return getpid();
    text[length] = '\0';
    return (pid_t)atoi(text);
}

static unsigned end_children(const struct keeper *keeper)
{
    DIR *folder = opendir("/proc");
    pid_t own = own_number();
    unsigned count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || parent_of(entry->d_name) != own)
            continue;
        if (!keeper->alone)
            kill((pid_t)atoi(entry->d_name), SIGKILL);
        count++;
    }
    if (folder)
        closedir(folder);
    if (keeper->alone)
        kill(-1, SIGKILL);
    return count;
}

/* Children of a child that has been ended fall to the keeper, and are ended in the next round. */
static void end_orphans(const struct keeper *keeper)
{
    static const struct timespec nap = {0, 1000000};
    for (int round = 0; round < ROUNDS_MOST; round++) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0)
            return;
        unsigned ended = end_children(keeper);
        if (round == 0)
            keeper->keeping->orphans = ended;
        nanosleep(&nap, NULL);
    }
}

/* ---- waiting ------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long processes(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? info.procs : 0;
}

/* The last number that was given in our namespace tells, or that of the system where we have none.
 * 0: there is no such file, as in kernels without checkpoints. */
static bool may_be_ours(void)
{
    long last = 0;
    FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "re");
    if (file && fscanf(file, "%ld", &last) != 1)
        last = 0;
    if (file)
        fclose(file);
    return last == 0 || last > PROCESSES_MOST;
}

/* Sleeps until a child may have ended; false when the keeper is to end. */
static bool wait_a_little(void)
{
    static const struct timespec nap = {0, NAP};
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    return sigtimedwait(&awaited, NULL, &nap) != SIGTERM;
}

/* Returns false when it has to be ended. */
static bool ended(pid_t process, int seconds, struct keeping *keeping)
{
    double end = now() + seconds;
    long before = processes();
    while (waitpid(process, &keeping->status, WNOHANG) == 0) {
        long there = processes();
        before = there < before ? there : before;
        keeping->flooded = there > before + PROCESSES_MOST && may_be_ours();
        keeping->hung = now() >= end;
        if (keeping->flooded || keeping->hung || !wait_a_little())
            return false;
    }
    return true;
}

/* ---- the keeper ---------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

/* A user namespace lets everybody have one of processes. Its user keeps the own number: files are
 * to be seen as before. */
static bool unshare_as_user(void)
{
    char text[64];
    uid_t user = geteuid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
        return false;
    snprintf(text, sizeof text, "%u %u 1", (unsigned)user, (unsigned)user);
    return write_text("/proc/self/uid_map", text);
}

/* A system may allow the first step and not the second (Ubuntu's restriction of user namespaces),
 * and there is no way back. So somebody else goes first. */
static bool can_unshare_as_user(void)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(!unshare_as_user());
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0;
}

static void begin(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static pid_t start_child(void (*start)(void *context), void *context)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    start(context);
    _exit(127);
}

__attribute__((noreturn))
static void keep(const struct keeper *keeper, void (*start)(void *context), void *context,
                 int seconds)
{
    pid_t pid = start_child(start, context);
    keeper->keeping->started = pid > 0;
    if (pid > 0 && !ended(pid, seconds, keeper->keeping)) {
        kill(pid, SIGKILL);
        if (keeper->alone)
            kill(-1, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    end_orphans(keeper);
    _exit(0);
}

/* For the first process of the namespace. Its end is the end of all. */
static void wait_for_first(pid_t first)
{
    while (waitpid(first, NULL, WNOHANG) == 0)
        if (!wait_a_little())
            kill(first, SIGKILL);
}

void keeper_run(void (*start)(void *context), void *context, int seconds, struct keeping *ret)
{
    struct keeper keeper = {false, ret};
    begin();
    keeper.alone = (geteuid() == 0 && unshare(CLONE_NEWPID) == 0) ||
                   (can_unshare_as_user() && unshare_as_user());
    pid_t first = keeper.alone ? fork() : 0;
    if (first == 0)
        keep(&keeper, start, context, seconds);
    if (first > 0)
        wait_for_first(first);
    _exit(0);
}
