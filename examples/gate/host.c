/* SPDX-License-Identifier: MIT
 *
 * A program that ends while its threads use the journal: with `blocked`, one of them reads it and
 * never comes back; with `unload`, it closes the library first; with `fork`, a child of it exits.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"

static __typeof__(journal_add) *add;
static __typeof__(journal_each) *each;
static atomic_bool reads;

static void read_for_ever(const char *line, void *arg)
{
    (void)arg;
    atomic_store(&reads, true);
    for (;;)
        pause();
    (void)line;
}

static void *reader(void *arg)
{
    each(read_for_ever, arg);
    return NULL;
}

/* Until the journal is closed: then there is nothing left to do here. */
static void *writer(void *arg)
{
    while (add("again"))
        usleep(1000);
    return arg;
}

static void let_child_exit(void)
{
    pid_t child = fork();
    if (child == 0)
        exit(0);
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "usage: host JOURNAL busy|blocked|unload|fork\n");
        return 2;
    }
    *(void **)&add = dlsym(library, "journal_add");
    *(void **)&each = dlsym(library, "journal_each");
    add("first");
    if (strcmp(argv[2], "unload") == 0)
        return dlclose(library);
    if (strcmp(argv[2], "fork") == 0) {
        let_child_exit();
        exit(0);
    }
    pthread_create(&thread, NULL, strcmp(argv[2], "busy") == 0 ? writer : reader, NULL);
    while (strcmp(argv[2], "blocked") == 0 && !atomic_load(&reads))
        usleep(1000);
    exit(0);
}
