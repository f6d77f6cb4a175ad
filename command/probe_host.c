/* SPDX-License-Identifier: MIT
 *
 * probe_host.c - the program fini-probe: loads one library, unloads it, and looks at itself.
 *
 * Decides what the library has left. It has nothing but libc, so that hardly any library is there
 * before it is loaded. Leaves to probe.c how it is kept from doing harm, and to probe_state.c what
 * a process's state is; probe_calls.c sees what the library asks of libc.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"
#include "probe_calls.h"
#include "probe_state.h"

static struct probe_report *report;
static pid_t own_pid;

/* A constructor that forks returns twice. */
static void only_here(void)
{
    if (getpid() != own_pid)
        _exit(0);
}

static void enter(enum probe_stage stage)
{
    only_here();
    report->stage = stage;
}

static void end(enum probe_outcome outcome)
{
    report->outcome = outcome;
    enter(PROBE_DONE);
    _exit(0); /* exit() would call what the library has left */
}

void probe_note(int finding, const char *format, ...)
{
    va_list arguments;
    if (report->note_count >= PROBE_NOTES_MOST)
        return;
    struct probe_note *note = &report->note[report->note_count];
    note->finding = finding;
    va_start(arguments, format);
    vsnprintf(note->text, sizeof note->text, format, arguments);
    va_end(arguments);
    report->note_count++;
}

static bool open_report(void)
{
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
    close(3);
    own_pid = getpid();
    return report != MAP_FAILED && report->findings == FINDING_COUNT;
}

/* The file that the library is, by an address in it. */
static struct state_file file_of(void *handle)
{
    struct link_map *map = NULL;
    dlinfo(handle, RTLD_DI_LINKMAP, &map);
    return map ? state_file_at((uintptr_t)map->l_ld) : (struct state_file){0, 0};
}

static void *load(const char *path)
{
    enter(PROBE_LOADING);
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    only_here();
    if (handle)
        return handle;
    const char *message = dlerror();
    snprintf(report->message, sizeof report->message, "%s", message ? message : "");
    end(PROBE_REFUSED);
    return NULL;
}

static void unload(void *handle)
{
    static const struct timespec nap = {0, 20000000};
    enter(PROBE_UNLOADING);
    dlclose(handle);
    enter(PROBE_LOOKING);
    nanosleep(&nap, NULL); /* threads that are ending end; those in unmapped code crash */
}

int main(int argc, char **argv)
{
    static struct state before, after;
    if (argc != 2 || !open_report())
        return 127;
    state_take(&before);
    void *handle = load(argv[1]);
    struct state_file file = file_of(handle);
    if (state_has_file(&before, file)) {
        probe_note(FINDING_PROBE_STARTUP, "%s", argv[1]);
        end(PROBE_AT_STARTUP);
    }
    unload(handle);
    state_take(&after);
    bool stayed = state_has_file(&after, file);
    if (stayed)
        probe_note(FINDING_PROBE_STAYED, "%s", argv[1]);
    calls_look(state_compare(&before, &after, file));
    end(stayed ? PROBE_STAYS : PROBE_GONE);
}
