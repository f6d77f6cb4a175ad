/* SPDX-License-Identifier: MIT
 *
 * window.c - is preloaded into a host, and guests depend on it: it ends with the process, after
 * the guest.
 *
 * It widens the window: for 20 ms, a thread that is where it should not be has time to crash.
 * Then it says what has become of the guest, without asking libfini.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

static char watched[4096];

void window_watch(const void *address)
{
    Dl_info info;
    if (dladdr(address, &info) != 0 && info.dli_fname != NULL) {
        const char *slash = strrchr(info.dli_fname, '/');
        snprintf(watched, sizeof watched, "%s", slash != NULL ? slash : info.dli_fname);
    }
}

static int is_mapped(void)
{
    char line[sizeof watched + 128];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, watched) != NULL;
    if (maps != NULL)
        fclose(maps);
    return found;
}

__attribute__((destructor)) static void end(void)
{
    const struct timespec twenty_milliseconds = {0, 20000000};
    nanosleep(&twenty_milliseconds, NULL);
    if (watched[0] != '\0')
        dprintf(STDOUT_FILENO, is_mapped() ? "mapped\n" : "gone\n");
}
