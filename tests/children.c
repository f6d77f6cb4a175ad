/* SPDX-License-Identifier: MIT
 *
 * children.c - see children.h.
 */
#include "children.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

void *shared_memory(unsigned long size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED);
    return memory;
}

void nap(int microseconds)
{
    struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000L};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

int wait_for_child(pid_t child)
{
    int status;
    require(child > 0);
    require_eq(waitpid(child, &status, 0), child);
    return status;
}

static int wait_at_most(pid_t child, int seconds)
{
    int status;
    for (long ms = 0; ms < seconds * 1000L; ms++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        nap(1000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return HUNG;
}

int in_child(void (*body)(void *arg), void *arg, int seconds)
{
    pid_t child = fork();
    require(child >= 0);
    if (child > 0)
        return wait_at_most(child, seconds);
    body(arg);
    exit(0);
}

void in_sound_child(void (*body)(void *arg), void *arg)
{
    require_eq(in_child(body, arg, 8), 0);
}

/* What does not fit is left unread. */
static void read_transcript(int input, struct outcome *ret)
{
    size_t length = 0, room = sizeof ret->transcript - 1;
    ssize_t n;
    while ((n = read(input, ret->transcript + length, room - length)) > 0)
        length += (size_t)n;
    ret->transcript[length] = '\0';
}

void in_child_recorded(void (*body)(void *arg), void *arg, struct outcome *ret)
{
    int ends[2];
    require(pipe(ends) == 0);
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        body(arg);
        _exit(126);
    }
    close(ends[1]);
    read_transcript(ends[0], ret);
    close(ends[0]);
    ret->wait_status = wait_for_child(child);
}
