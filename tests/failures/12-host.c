/* SPDX-License-Identifier: MIT
 *
 * 12-host.c - a thread is in the loader's list of images, as one that unwinds its stack or takes a
 * profile is, and does not come out. Meanwhile the program exits, or a child does that was forked
 * now. Or malloc crashes, as it does on a heap that something has overwritten, and the program's
 * handler of crashes calls exit().
 */
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

static atomic_bool inside, exiting;

extern bool host_is_exiting(void);
bool host_is_exiting(void)
{
    return atomic_load(&exiting);
}

static void note_exit(void)
{
    atomic_store(&exiting, true);
}

__attribute__((noreturn)) static int stay(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)info, (void)size, (void)unused;
    atomic_store(&inside, true);
    for (;;)
        pause();
}

static void *look_at_images(void *unused)
{
    dl_iterate_phdr(stay, NULL);
    return unused;
}

static void start(void *(*run)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        _exit(2);
}

static void stay_in_list(void)
{
    start(look_at_images);
    while (!atomic_load(&inside))
        host_nap(1);
}

static void *rest(void *unused)
{
    pause();
    return unused;
}

static void leave(int unused)
{
    (void)unused;
    exit(0);
}

/* With a second thread, because malloc takes its locks only then. The end of the heap is made
 * unreadable, and malloc comes to it. */
__attribute__((noreturn)) static void crash_in_malloc(void)
{
    static void *volatile block; /* or clang leaves malloc out */
    long page = sysconf(_SC_PAGESIZE);
    start(rest);
    if (mprotect((char *)sbrk(0) - page, (size_t)page, PROT_NONE) != 0)
        _exit(2);
    signal(SIGSEGV, leave);
    do
        block = malloc(2000);
    while (block != NULL);
    _exit(2);
}

int main(int argc, char **argv)
{
    void *module = host_open(argc, argv);
    host_find(module, "work")();
    atexit(note_exit);
    if (host_unloads(argv)) {
        host_close(module);
        return 0;
    }
    if (strcmp(argv[2], "crash") == 0)
        crash_in_malloc();
    stay_in_list();
    if (strcmp(argv[2], "fork") == 0)
        host_end_as_child(NULL);
    return 0;
}
