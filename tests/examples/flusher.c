/* SPDX-License-Identifier: MIT
 *
 * examples/flusher: what its host leaves in a pipe, however it ends: each line once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { OUT, IN };

struct host {
    pid_t process;
    int input[2]; /* of the host */
    int log[2];
};

__attribute__((noreturn)) static void become_host(const struct host *h, const char *way)
{
    char host[PATH_MAX], library[PATH_MAX], file[40];
    dup2(h->input[OUT], STDIN_FILENO);
    close(h->input[IN]);
    snprintf(file, sizeof file, "/proc/self/fd/%d", h->log[IN]);
    execl(harness_path(host, "flusher-host"), "flusher-host",
          harness_path(library, "flusher-log.so"), file, way, (char *)NULL);
    _exit(126);
}

static void start_host(struct host *h, const char *way)
{
    h->process = fork();
    require(h->process >= 0);
    if (h->process == 0)
        become_host(h, way);
    close(h->input[OUT]);
    close(h->log[IN]);
}

static void make_pipes(struct host *h)
{
    require_eq(pipe(h->input), 0);
    require_eq(pipe(h->log), 0);
}

/* Nobody reads before the host has ended: the log's thread hangs in its first write. */
static void fill_pipe(int pipe)
{
    static const char much[4096];
    require_eq(fcntl(pipe, F_SETFL, O_NONBLOCK), 0);
    while (write(pipe, much, sizeof much) > 0)
        ;
    require_eq(errno, EAGAIN);
}

static void wait_for_host(const struct host *h)
{
    int status;
    require_eq(waitpid(h->process, &status, 0), h->process);
    require_eq(status, 0);
}

static void say_what_comes(const struct host *h)
{
    char text[8192];
    ssize_t n = read(h->log[OUT], text, sizeof text - 1);
    require(n >= 0);
    text[n] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        say("%s", line);
}

static void run_host(const char *way)
{
    struct host h;
    make_pipes(&h);
    start_host(&h, way);
    wait_for_host(&h);
    say_what_comes(&h);
    say("nothing more");
    say_what_comes(&h);
}

CASE(unload_flushes_and_joins, .expect = "first\nlast\nnothing more\n")
{
    run_host("unload");
}

CASE(exit_flushes_and_does_not_wait, .expect = "first\nlast\nnothing more\n")
{
    run_host("exit");
}

CASE(a_child_writes_nothing, .expect = "first\nlast\nnothing more\n")
{
    run_host("fork");
}

CASE(meanwhile_the_worker_flushes, .expect = "first\nthe host goes on\nlast\n")
{
    struct host h;
    make_pipes(&h);
    start_host(&h, "period");
    say_what_comes(&h);
    say("the host goes on");
    close(h.input[IN]);
    wait_for_host(&h);
    say_what_comes(&h);
}

CASE(exit_does_not_wait_for_a_write_that_hangs)
{
    struct host h;
    make_pipes(&h);
    fill_pipe(h.log[IN]);
    start_host(&h, "stuck");
    wait_for_host(&h);
}
