/* SPDX-License-Identifier: MIT
 *
 * probe.c - runs the host of the probe where it can do no harm, and turns what it tells into
 * findings.
 *
 * Leaves to keeper.c that no process of the library's gets away. A library can still do what its
 * user may do: the probe is for code that is broken, not for code that is an enemy.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "libexec.h"

enum {
    REPORT_FD = 3,                   /* what the host expects */
    FILE_MOST = 64 << 20             /* what a library may write into one file */
};
static const uint64_t memory_most = 4ull << 30;

/* ---- the host ------------------------------------------------------------------------------ */

static void limit(int what, uint64_t most)
{
    struct rlimit limits = {most, most};
    setrlimit((__rlimit_resource_t)what, &limits);
}

/* Where there is no memory left, somebody is ended: not whoever asks, nor a process of others. */
static void go_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t written = write(fd, "1000", 4);
    (void)written; /* where it cannot be said it is as before */
    close(fd);
}

static void reset_signals(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

struct start {
    const char *host, *path;
    int report;
};

/* Output goes nowhere, so that a flood of it costs nothing. */
static void become_host(void *context)
{
    const struct start *start = context;
    int null = open("/dev/null", O_RDWR), report = start->report;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (report == REPORT_FD)
        fcntl(report, F_SETFD, 0);
    else
        dup2(report, REPORT_FD);
    syscall(SYS_close_range, REPORT_FD + 1, UINT_MAX, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, FILE_MOST);
    limit(RLIMIT_DATA, memory_most);
    go_first();
    reset_signals();
    execl(start->host, "fini-probe", start->path, (char *)NULL);
    _exit(127);
}

/* ---- what it means ------------------------------------------------------------------------- */

static const char *stage_text(int stage)
{
    static const char *const texts[] = {"before it was loaded", "while it was loaded",
                                        "while it was unloaded", "after it had been unloaded",
                                        "at the end"};
    return stage >= 0 && stage <= PROBE_DONE ? texts[stage] : "at an unknown time";
}

static void add_notes(struct probe_report *report, struct image *image)
{
    for (unsigned i = 0; i < report->note_count && i < PROBE_NOTES_MOST; i++) {
        struct probe_note *note = &report->note[i];
        note->text[PROBE_TEXT_SIZE - 1] = '\0';
        if (note->finding >= FINDING_PROBE_STAYED && note->finding < FINDING_COUNT)
            image_add(image, (enum finding)note->finding, note->text, NULL);
    }
}

static enum probe_outcome ended_early(const struct keeping *keeping, int seconds,
                                      const struct probe_report *report, struct image *image)
{
    char text[NAME_SIZE];
    const char *stage = stage_text(report->stage);
    if (keeping->hung || keeping->flooded) {
        if (keeping->flooded)
            snprintf(text, sizeof text, "%s: it started processes without end", stage);
        else
            snprintf(text, sizeof text, "%s: not done after %d s", stage, seconds);
        image_add(image, FINDING_PROBE_HUNG, text, NULL);
        return PROBE_HANG;
    }
    if (WIFSIGNALED(keeping->status)) {
        snprintf(text, sizeof text, "%s: %s", stage, strsignal(WTERMSIG(keeping->status)));
        image_add(image, FINDING_PROBE_CRASHED, text, NULL);
        return PROBE_CRASH;
    }
    snprintf(text, sizeof text, "%s: exit status %d", stage, WEXITSTATUS(keeping->status));
    image_add(image, FINDING_PROBE_EXITED, text, NULL);
    return PROBE_EXIT;
}

static enum probe_outcome judge(const struct keeping *keeping, int seconds,
                                struct probe_report *report, struct image *image)
{
    char text[64];
    add_notes(report, image);
    if (keeping->orphans) {
        snprintf(text, sizeof text, "%u or more", keeping->orphans);
        image_add(image, FINDING_PROBE_CHILDREN, text, NULL);
    }
    if (!keeping->started || report->stage == PROBE_STARTING)
        return PROBE_FAILED;
    if (report->stage != PROBE_DONE)
        return ended_early(keeping, seconds, report, image);
    report->message[PROBE_TEXT_SIZE - 1] = '\0';
    if (report->outcome == PROBE_REFUSED)
        image_add(image, FINDING_PROBE_NOT_LOADED, report->message, NULL);
    return report->outcome >= PROBE_GONE && report->outcome <= PROBE_REFUSED ?
           (enum probe_outcome)report->outcome : PROBE_FAILED;
}

static void *shared(size_t size, int fd)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static enum probe_outcome run(const char *host, const char *path, int seconds,
                              struct image *image)
{
    int fd = memfd_create("fini-probe", MFD_CLOEXEC);
    struct keeping *keeping = shared(sizeof *keeping, -1);
    struct probe_report *report = NULL;
    enum probe_outcome outcome = PROBE_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof *report) == 0)
        report = shared(sizeof *report, fd);
    if (report)
        report->findings = FINDING_COUNT;
    pid_t keeper = keeping && report ? fork() : -1;
    if (keeper == 0)
        keeper_run(become_host, &(struct start){host, path, fd}, seconds, keeping);
    if (keeper > 0) {
        while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
            ;
        outcome = judge(keeping, seconds, report, image);
    }
    if (keeping)
        munmap(keeping, sizeof *keeping);
    if (report)
        munmap(report, sizeof *report);
    if (fd >= 0)
        close(fd);
    return outcome;
}

enum probe_outcome probe_run(const char *path, int seconds, struct image *image)
{
    char host[PATH_MAX], name[PATH_MAX];
    /* A name without a slash would be looked for in the system's folders. */
    snprintf(name, sizeof name, "%s%s", strchr(path, '/') ? "" : "./", path);
    bool found = libexec_find("fini-probe", host, sizeof host);
    return found ? run(host, name, seconds, image) : PROBE_FAILED;
}

const char *probe_outcome_name(enum probe_outcome outcome)
{
    static const char *const names[] = {"unknown", "gone", "stayed", "at-startup", "not-loaded",
                                        "crashed", "hung", "exited", "failed"};
    return names[outcome];
}
