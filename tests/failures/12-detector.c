/* SPDX-License-Identifier: MIT
 *
 * 12-detector.c - wil #567: what is to tell a finalizer that the process exits takes a lock itself,
 * and a thread that will never run again holds it.
 *
 * wil asks a function of another module, and looks first whether that module is there: under a lock
 * of the loader's. NAIVE does the same: the loader's list of images has a lock of its own, which
 * fork leaves as it is. NAIVE with WALKS looks for dlclose on the stack with what libc offers for
 * that, and this takes malloc's locks.
 */
#include <execinfo.h>
#include <link.h>
#include <stdbool.h>
#include <stdlib.h>

#include "module.h"

static char *memory;

#if defined NAIVE && defined WALKS

static bool process_is_exiting(void)
{
    void *frames[64];
    int count = backtrace(frames, 64);
    char **names = backtrace_symbols(frames, count);
    bool unloads = false;
    for (int i = 0; names != NULL && i < count; i++)
        unloads |= strstr(names[i], "(dlclose+") != NULL;
    free(names);
    return !unloads;
}

#elif defined NAIVE

/* The host's, if it is a host that has one. */
extern bool host_is_exiting(void) __attribute__((weak));

static int is_program(struct dl_phdr_info *info, size_t size, void *ret)
{
    (void)size;
    *(bool *)ret |= info->dlpi_name[0] == '\0';
    return *(bool *)ret;
}

static bool process_is_exiting(void)
{
    bool is_there = false;
    dl_iterate_phdr(is_program, &is_there);
    return is_there && host_is_exiting != NULL && host_is_exiting();
}

#else
#include "fini.h"

static bool process_is_exiting(void)
{
    return fini_why() == FINI_EXIT;
}

#endif

__attribute__((destructor)) static void end(void)
{
    if (process_is_exiting()) {
        say("left alone");
        return;
    }
    free(memory);
    say("freed");
}

void work(void)
{
    if (memory == NULL)
        memory = malloc(64);
}
