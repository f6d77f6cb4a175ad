/* SPDX-License-Identifier: MIT
 *
 * A program that logs and ends:
 *
 *   unload   closes the library
 *   exit     leaves that to exit(), while the log's thread sleeps for an hour
 *   stuck    exits when that thread hangs in a write, if FILE is a pipe that is full
 *   period   reads a line of its input before it exits: meanwhile the log's thread writes
 *   fork     has a child that exits too
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

enum { HOUR = 3600 * 1000 };

static __typeof__(log_open) *open_log;
static __typeof__(log_line) *add;
static const char *way;

static bool way_is(const char *name)
{
    return strcmp(way, name) == 0;
}

static void fill_log(void)
{
    while (add("again"))
        ;
}

/* When it takes a line again, it is writing the others. */
static void wait_until_stuck(void)
{
    while (!add("once more"))
        usleep(1000);
}

static void fork_a_child(void)
{
    pid_t child = fork();
    if (child == 0)
        exit(add("nobody will write this") ? 1 : 0);
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        _exit(1);
}

static void go_on(void)
{
    if (way_is("stuck"))
        wait_until_stuck();
    if (way_is("period"))
        getchar();
    if (way_is("fork"))
        fork_a_child();
    add("last");
}

int main(int argc, char **argv)
{
    void *library = argc == 4 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "usage: host LOG FILE unload|exit|stuck|period|fork\n");
        return 2;
    }
    way = argv[3];
    *(void **)&open_log = dlsym(library, "log_open");
    *(void **)&add = dlsym(library, "log_line");
    add("first");
    if (way_is("stuck"))
        fill_log();
    if (!open_log(argv[2], way_is("stuck") || way_is("period") ? 1 : HOUR))
        return 1;
    go_on();
    if (way_is("unload"))
        return dlclose(library) != 0 || dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL;
    exit(0);
}
