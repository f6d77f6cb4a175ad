/* SPDX-License-Identifier: MIT
 *
 * live_stop.c - see live_stop.h.
 *
 * PTRACE_SEIZE sends no signal, and a seized thread goes on by itself when its tracer ends; and the
 * tracer is a thread that does nothing else and ends, so that no later error of ours matters.
 *
 * Calls that the kernel does not restart after a stop end with EINTR. To set the registers back is
 * no way out: a signal that comes in between has to end such a call, and would not. So who sleeps
 * in one is left asleep. A process may notice that it was looked at where a thread goes to sleep in
 * the moment between our look and the interruption, or is woken by a signal that nobody heeds: the
 * kernel throws none away while one thread is traced (sig_ignored in kernel/signal.c).
 */
#include "live_stop.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

enum {
    STACK_MOST = 256 << 10,     /* of one thread */
    STACKS_MOST = 256 << 20,    /* of all together */
    ROUNDS_MOST = 100,          /* of looking for new threads */
    SPINS = 20, PATIENCE = 40,  /* rounds without a pause; rounds before asking if it is in vain */
    WAIT_MOST = 2000,           /* rounds of 100 us at least: for threads that do not stop */
    AWAKE_MOST = 2,             /* times to try again since one woke that was left asleep */
    STOP_MOST = 10              /* seconds, where it should take milliseconds */
};

struct stop {
    struct live_process *process;
    const struct live_layout *layout;
    struct live_snapshot *snapshot;
    uint64_t begun;
    size_t stacks;
    bool ok;
    sem_t over;
};

/* Whose threads are asked for while the tracer waits in the kernel; see reap. */
static struct live_snapshot *_Atomic waiting;
static atomic_bool called;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- threads ------------------------------------------------------------------------------- */

static bool knows(const struct live_snapshot *s, pid_t tid)
{
    for (size_t i = 0; i < s->thread_count; i++)
        if (s->threads[i].tid == tid)
            return true;
    return false;
}

static void read_name(pid_t pid, struct live_thread *thread)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)pid, (int)thread->tid);
    FILE *file = fopen(path, "re");
    if (file && fgets(thread->name, sizeof thread->name, file))
        thread->name[strcspn(thread->name, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* A thread that has ended meanwhile does not count: *ret_ended. */
static bool seize(struct stop *s, pid_t tid, bool *ret_ended)
{
    waiting = s->snapshot;
    long seized = ptrace(PTRACE_SEIZE, tid, NULL, NULL);
    int error = errno;
    waiting = NULL;
    *ret_ended = seized != 0 && (error == ESRCH || live_thread_is_dead(s->process->pid, tid));
    if (seized != 0 && !*ret_ended)
        live_process_refused(s->process, error);
    return seized == 0 || *ret_ended;
}

static bool take(struct stop *s, pid_t tid)
{
    struct live_snapshot *all = s->snapshot;
    struct live_thread *list = realloc(all->threads, (all->thread_count + 1) * sizeof *list);
    bool ended = false;
    if (!list)
        return false;
    all->threads = list;
    struct live_thread *new = &list[all->thread_count];
    memset(new, 0, sizeof *new);
    new->tid = tid;
    new->asleep = live_sleep_read(s->process->pid, tid, &new->sleep);
    if (!new->asleep && !seize(s, tid, &ended))
        return false;
    read_name(s->process->pid, new);
    all->thread_count += !ended;
    return true;
}

/* Those that are not known yet. */
static bool seize_new(struct stop *s, size_t *ret_new)
{
    char path[64];
    bool ok = true;
    size_t before = s->snapshot->thread_count;
    snprintf(path, sizeof path, "/proc/%d/task", (int)s->process->pid);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && ok && (entry = readdir(folder));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid > 0 && !knows(s->snapshot, tid) &&
            !live_thread_is_kernels(s->process->pid, tid))
            ok = take(s, tid);
    }
    if (folder)
        closedir(folder);
    *ret_new = s->snapshot->thread_count - before;
    return ok;
}

/* PTRACE_EVENT_STOP is our interruption with SIGTRAP, a stop by job control with another signal.
 * Any other stop is the arrival of a signal, which is ours to pass on. */
static void note_state(struct live_thread *thread, int status)
{
    if (!WIFSTOPPED(status)) {
        thread->gone = true;
        thread->stopped = false;
        return;
    }
    thread->stopped = true;
    if (status >> 16 != PTRACE_EVENT_STOP)
        thread->signal = WSTOPSIG(status);
    else
        thread->in_group_stop = WSTOPSIG(status) != SIGTRAP;
}

static bool runs(const struct live_thread *thread)
{
    return !thread->stopped && !thread->gone && !thread->asleep;
}

static bool is_ours(const struct live_thread *thread)
{
    return !thread->gone && !thread->asleep;
}

static void ask(struct live_thread *thread)
{
    int status;
    pid_t got = waitpid(thread->tid, &status, __WALL | WNOHANG);
    if (got == thread->tid)
        note_state(thread, status);
    else if (got < 0)
        note_state(thread, 0); /* nobody's child: it has become the first thread, by exec */
}

/* Those that stand, too: a thread that calls exec ends the others, and waits until their tracer has
 * heard of it (fs/exec.c, de_thread). */
static size_t wait_once(struct live_snapshot *s, size_t first)
{
    size_t running = 0;
    for (size_t i = 0; i < s->thread_count; i++) {
        if (is_ours(&s->threads[i]))
            ask(&s->threads[i]);
        running += i >= first && runs(&s->threads[i]);
    }
    return running;
}

/* The others are not to stand for the sake of one that the kernel does not stop: vfork, a disk. */
static bool all_stuck(const struct live_process *process, const struct live_snapshot *s,
                      size_t first)
{
    for (size_t i = first; i < s->thread_count; i++)
        if (runs(&s->threads[i]) && live_thread_state(process->pid, s->threads[i].tid) != 'D')
            return false;
    return true;
}

static void interrupt_from(const struct live_process *process, struct live_snapshot *s,
                           size_t first)
{
    static const struct timespec moment = {0, 100000};
    for (size_t i = first; i < s->thread_count; i++)
        if (is_ours(&s->threads[i]))
            ptrace(PTRACE_INTERRUPT, s->threads[i].tid, NULL, NULL);
    for (int i = 0; i < WAIT_MOST && wait_once(s, first); i++) {
        if (i > SPINS)
            nanosleep(&moment, NULL);
        if (i > PATIENCE && all_stuck(process, s, first))
            break;
    }
}

/* Until a listing shows no thread that is new: while one still runs, it may start others. */
static bool stop_all(struct stop *s)
{
    size_t new, done = 0;
    if (!seize_new(s, &new))
        return false;
    s->begun = now();
    for (int i = 0; i < ROUNDS_MOST && new; i++) {
        interrupt_from(s->process, s->snapshot, done);
        done = s->snapshot->thread_count;
        if (!seize_new(s, &new))
            return false;
    }
    interrupt_from(s->process, s->snapshot, done);
    return true;
}

static void let_go(struct live_snapshot *s)
{
    for (size_t i = 0; i < s->thread_count; i++)
        if (s->threads[i].stopped)
            ptrace(PTRACE_DETACH, s->threads[i].tid, NULL, (void *)(intptr_t)s->threads[i].signal);
}

/* ---- what is copied ------------------------------------------------------------------------ */

/* A stack ends where its mapping does, so what can be read is enough. From the beginning of a page:
 * libdwfl takes the segments of a core file for whole pages (0.188, core_memory_read). */
static void copy_stack(struct stop *s, struct live_thread *thread)
{
    static unsigned char buffer[STACK_MOST];
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    thread->stack_at = thread->registers.STACK_POINTER & ~(page - 1);
    size_t got = live_read(s->process->reader, thread->stack_at, buffer, sizeof buffer);
    if (got == 0 || s->stacks + got > STACKS_MOST || !(thread->stack = malloc(got)))
        return;
    memcpy(thread->stack, buffer, got);
    thread->stack_size = got;
    thread->stack_cut = got == sizeof buffer;
    s->stacks += got;
}

static bool copy_registers(struct live_thread *thread)
{
    struct iovec into = {&thread->registers, sizeof thread->registers};
    return ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &into) == 0 &&
           into.iov_len == sizeof thread->registers;
}

/* With these two a stack can be followed as long as no frame is found by another register. None of
 * those is zero: that would be the end of the stack for libdwfl. */
static bool set_registers(struct live_thread *thread)
{
    memset(&thread->registers, LIVE_UNKNOWN, sizeof thread->registers);
    thread->registers.STACK_POINTER = thread->sleep.stack;
    thread->registers.INSTRUCTION_POINTER = thread->sleep.address;
    return true;
}

static void copy_threads(struct stop *s)
{
    for (size_t i = 0; i < s->snapshot->thread_count; i++) {
        struct live_thread *thread = &s->snapshot->threads[i];
        if (thread->asleep ? set_registers(thread) : thread->stopped && copy_registers(thread))
            copy_stack(s, thread);
    }
}

/* The stack of one that has woken was copied while it changed. */
static void check_sleep(struct live_snapshot *s, pid_t pid)
{
    for (size_t i = 0; i < s->thread_count; i++) {
        struct live_thread *thread = &s->threads[i];
        if (!thread->asleep || live_sleep_lasts(pid, thread->tid, &thread->sleep))
            continue;
        s->woke = true;
        free(thread->stack);
        thread->stack = NULL;
        thread->stack_size = 0;
    }
}

/* The thread by whose id memory was read so far may have ended; these cannot, now. */
static void choose_reader(struct stop *s)
{
    for (size_t i = 0; i < s->snapshot->thread_count; i++)
        if (s->snapshot->threads[i].stopped) {
            s->process->reader = s->snapshot->threads[i].tid;
            return;
        }
}

static bool copy_all(struct stop *s)
{
    choose_reader(s);
    copy_threads(s);
    bool listed = live_images_list(s->process, s->layout, &s->snapshot->images);
    check_sleep(s->snapshot, s->process->pid);
    if (listed)
        return true;
    snprintf(s->process->error, sizeof s->process->error, "the list of its loader is not there");
    return false;
}

static void *trace(void *argument)
{
    struct stop *s = argument;
    s->ok = stop_all(s) && copy_all(s);
    let_go(s->snapshot);
    s->snapshot->pause = s->begun ? now() - s->begun : 0;
    sem_post(&s->over);
    return NULL;
}

/* A thread that calls exec holds what PTRACE_SEIZE waits for (cred_guard_mutex), and waits itself
 * until the tracer has asked for the threads that it has ended (fs/exec.c, de_thread): for ever,
 * seen in Linux 6.18. So the tracer is called out of the kernel now and then, and asks. */
static void reap(int signal)
{
    (void)signal;
    int saved = errno;
    struct live_snapshot *s = waiting;
    for (size_t i = 0; s && i < s->thread_count; i++)
        if (is_ours(&s->threads[i]))
            ask(&s->threads[i]);
    errno = saved;
    called = false;
}

static bool is_over(sem_t *over)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 5000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return sem_timedwait(over, &until) == 0;
}

/* The tracer may wait for a page of memory that the process itself would have to bring
 * (userfaultfd, a file system of its own), and stands. Only our end ends that. */
static void check_patience(pid_t pid, uint64_t begun)
{
    char subject[32];
    if (now() - begun < STOP_MOST * (uint64_t)1000000000)
        return;
    snprintf(subject, sizeof subject, "%d", (int)pid);
    text_error(subject, "it could not be copied in %d seconds, and runs again", STOP_MOST);
    _exit(STATUS_ERROR);
}

/* Not called again before it has had a while for its work: asking for many threads takes long. */
static void join(pthread_t thread, struct stop *s)
{
    struct sigaction action = {.sa_handler = reap}, before;
    uint64_t begun = now();
    bool rested = true;
    sigaction(SIGURG, &action, &before);
    while (!is_over(&s->over)) {
        check_patience(s->process->pid, begun);
        if (rested && !called && waiting) {
            called = true;
            pthread_kill(thread, SIGURG);
        }
        rested = !called;
    }
    pthread_join(thread, NULL);
    sigaction(SIGURG, &before, NULL);
}

static void block_stops(sigset_t *ret_before)
{
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTSTP);
    sigaddset(&stops, SIGTTIN);
    sigaddset(&stops, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &stops, ret_before);
}

/* A stop of ours by the terminal must not become one of theirs. */
static bool trace_in_thread(struct stop *s)
{
    sigset_t before;
    pthread_t thread;
    block_stops(&before);
    sem_init(&s->over, 0, 0);
    bool started = pthread_create(&thread, NULL, trace, s) == 0;
    if (started)
        join(thread, s);
    else
        snprintf(s->process->error, sizeof s->process->error, "no thread can be started");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sem_destroy(&s->over);
    return started && s->ok;
}

/* The loader is seldom at work for longer than a moment. */
bool live_stop(struct live_process *process, const struct live_layout *layout, bool stop,
               struct live_snapshot *ret)
{
    static const struct timespec moment = {0, 2000000};
    bool ok = false;
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < 20; i++) {
        struct stop s = {.process = process, .layout = layout, .snapshot = ret};
        if (i > 0) {
            live_snapshot_free(ret);
            nanosleep(&moment, NULL);
        }
        if (stop)
            ok = trace_in_thread(&s);
        else if (!(ok = live_images_list(process, layout, &ret->images)))
            live_process_refused(process, errno);
        bool again = ret->images.at_work || ret->images.cut_off || (ret->woke && i < AWAKE_MOST);
        if (!ok || !again)
            break;
    }
    return ok;
}

void live_snapshot_free(struct live_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->thread_count; i++)
        free(snapshot->threads[i].stack);
    free(snapshot->threads);
    live_images_free(&snapshot->images);
    memset(snapshot, 0, sizeof *snapshot);
}
