/* SPDX-License-Identifier: MIT
 *
 * why_busy.c - a process that does much at once, for `fini why` to look at many times: says
 * `ready`, works until the end of standard input, and says `unharmed` if every call has ended as it
 * would have, unseen: no EINTR, no signal lost or doubled, no child's status wrong.
 *
 * Not used are the calls that the kernel ends with EINTR after each stop (signal(7)): epoll_wait,
 * semop, sigtimedwait. With `eintr NAME` one of them is, and it says whether that happened.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static atomic_bool stop;
static int end_of_work[2];
static atomic_ulong sent, received, rounds, harmed;

static void harm(const char *what)
{
    harmed++;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
}

static void *sleeps(void *unused)
{
    static const struct timespec moment = {0, 3000000};
    while (!stop) {
        if (nanosleep(&moment, NULL) != 0)
            harm("nanosleep");
        if (poll(NULL, 0, 2) != 0)
            harm("poll");
    }
    return unused;
}

static void *answers(void *ends)
{
    int *fd = ends;
    char byte;
    while (read(fd[0], &byte, 1) == 1)
        if (write(fd[1], &byte, 1) != 1)
            harm("write");
    return NULL;
}

static void *asks(void *unused)
{
    int to[2], from[2], ends[2];
    char byte = 0;
    pthread_t thread;
    if (pipe(to) != 0 || pipe(from) != 0)
        harm("pipe");
    ends[0] = to[0];
    ends[1] = from[1];
    pthread_create(&thread, NULL, answers, ends);
    while (!stop) {
        if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1)
            harm("ask");
        rounds++;
    }
    close(to[1]);
    pthread_join(thread, NULL);
    return unused;
}

static void on_signal(int number)
{
    (void)number;
    received++;
}

/* Queued signals are counted: none may be lost, none come twice. */
static void *signals(void *unused)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    while (!stop) {
        if (pthread_kill(pthread_self(), SIGRTMIN) == 0)
            sent++;
        usleep(200);
    }
    return unused;
}

static void *empty(void *argument)
{
    return argument;
}

static void *creates(void *unused)
{
    while (!stop) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, empty, NULL) != 0 || pthread_join(thread, NULL) != 0)
            harm("thread");
    }
    return unused;
}

static void *spawns(void *unused)
{
    static char *const arguments[] = {"false", NULL};
    while (!stop) {
        pid_t child;
        int status;
        if (posix_spawn(&child, "/bin/false", NULL, NULL, arguments, environ) != 0 ||
            waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 1)
            harm("child");
        usleep(2000);
    }
    return unused;
}

static void *loads(void *path)
{
    while (!stop) {
        void *handle = dlopen(path, RTLD_NOW);
        if (!handle || dlclose(handle) != 0)
            harm("dlopen");
        usleep(500);
    }
    return NULL;
}

/* Asleep all the time, in a call that any stop would end. SIGCHLD, which nobody heeds, is not
 * thrown away while a thread is traced, and would wake it. */
static void *listens(void *unused)
{
    struct epoll_event event = {.events = EPOLLHUP};
    int file = epoll_create1(0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (epoll_ctl(file, EPOLL_CTL_ADD, end_of_work[0], &event) != 0 ||
        epoll_wait(file, &event, 1, -1) != 1)
        harm("epoll_wait");
    return unused;
}

static void *waits(void *unused)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_mutex_lock(&mutex);
    while (!stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        if (pthread_cond_timedwait(&condition, &mutex, &until) != ETIMEDOUT)
            harm("cond");
    }
    pthread_mutex_unlock(&mutex);
    return unused;
}

/* ---- calls that are not restarted ---------------------------------------------------------- */

static int wait_for_aio(void)
{
    aio_context_t context = 0;
    struct io_event event;
    if (syscall(SYS_io_setup, 1, &context) != 0)
        return 0;
    return (int)syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL);
}

static int wait_for_uring(void)
{
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    if (ring < 0)
        return 0;
    return (int)syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static int call(const char *name)
{
    struct epoll_event event;
    struct sembuf less = {0, -1, 0};
    struct timeval limit = {60, 0};
    struct timespec time = {60, 0};
    char byte;
    int ends[2];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (strcmp(name, "epoll_wait") == 0)
        return epoll_wait(epoll_create1(0), &event, 1, 60000);
    if (strcmp(name, "epoll_pwait") == 0)
        return epoll_pwait(epoll_create1(0), &event, 1, 60000, NULL);
    if (strcmp(name, "io_getevents") == 0)
        return wait_for_aio();
    if (strcmp(name, "io_uring_enter") == 0)
        return wait_for_uring();
    if (strcmp(name, "semop") == 0)
        return semop(semget(IPC_PRIVATE, 1, 0600), &less, 1);
    if (strcmp(name, "sigtimedwait") == 0)
        return sigtimedwait(&set, NULL, &time);
    if (strcmp(name, "recv") == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 &&
        setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0)
        return (int)recv(ends[0], &byte, 1, 0);
    return 0;
}

static int show_eintr(const char *name)
{
    puts("ready");
    fflush(stdout);
    int got = call(name);
    puts(got == -1 && errno == EINTR ? "EINTR" : "no EINTR");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}

int main(int argc, char **argv)
{
    static void *(*const work[])(void *) = {sleeps, asks, signals, creates, spawns, waits, loads,
                                           listens};
    enum { KINDS = sizeof work / sizeof *work, TIMES = 3 };
    pthread_t threads[KINDS * TIMES];
    sigset_t set;
    char byte;
    if (argc == 3 && strcmp(argv[1], "eintr") == 0)
        return show_eintr(argv[2]);
    if (pipe2(end_of_work, O_CLOEXEC) != 0)
        return 3;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
    for (int i = 0; i < KINDS * TIMES; i++)
        if (pthread_create(&threads[i], NULL, work[i % KINDS], argv[1]) != 0)
            return 3;
    puts("ready");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) != 0)
        harm("read");
    stop = true;
    close(end_of_work[1]);
    for (int i = 0; i < KINDS * TIMES; i++)
        pthread_join(threads[i], NULL);
    if (sent != received || rounds == 0)
        harm("signals");
    puts(harmed ? "harmed" : "unharmed");
    return harmed != 0;
}
