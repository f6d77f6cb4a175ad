/* SPDX-License-Identifier: MIT
 *
 * probe_state.c - see probe_state.h.
 */
#include "probe_state.h"

#include <dirent.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "findings.h"
#include "probe_calls.h"

extern char **environ;

struct mapping {
    uintptr_t start, end;
    struct state_file file;
    bool executable, named;
    char name[STATE_TEXT];
};

static struct mapping mappings[STATE_MAPPINGS];
static unsigned mapping_count;
static bool key_free[2][STATE_KEYS];

/* ---- the map ------------------------------------------------------------------------------- */

static bool parse_mapping(const char *line, struct mapping *ret)
{
    unsigned long start, end, inode;
    unsigned major, minor;
    char rights[8];
    int name = 0;
    if (sscanf(line, "%lx-%lx %7s %*x %x:%x %lu %n", &start, &end, rights, &major, &minor, &inode,
               &name) < 6)
        return false;
    *ret = (struct mapping){.start = start, .end = end, .executable = rights[2] == 'x',
                            .file = {(uint64_t)major << 32 | minor, inode}};
    snprintf(ret->name, sizeof ret->name, "%s", name ? line + name : "");
    ret->name[strcspn(ret->name, "\n")] = '\0';
    ret->named = ret->name[0] != '\0';
    return true;
}

static void read_map(void)
{
    FILE *file = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;
    mapping_count = 0;
    while (file && getline(&line, &room, file) > 0 && mapping_count < STATE_MAPPINGS)
        mapping_count += parse_mapping(line, &mappings[mapping_count]);
    free(line);
    if (file)
        fclose(file);
}

static const struct mapping *mapping_of(uintptr_t address)
{
    for (unsigned i = 0; i < mapping_count; i++)
        if (address >= mappings[i].start && address < mappings[i].end)
            return &mappings[i];
    return NULL;
}

bool state_is_mapped(uintptr_t address)
{
    return mapping_of(address) != NULL;
}

struct state_file state_file_at(uintptr_t address)
{
    read_map();
    const struct mapping *mapping = mapping_of(address);
    return mapping ? mapping->file : (struct state_file){0, 0};
}

/* Its number in the list; file_count where it is not there. */
static unsigned number_of(const struct state *state, struct state_file file)
{
    unsigned i = 0;
    while (i < state->file_count &&
           (state->file[i].device != file.device || state->file[i].inode != file.inode))
        i++;
    return i;
}

bool state_has_file(const struct state *state, struct state_file file)
{
    return number_of(state, file) < state->file_count;
}

static void take_file(struct state *state, const struct mapping *mapping)
{
    unsigned i = number_of(state, mapping->file);
    if (i == STATE_FILES)
        return;
    if (i == state->file_count) {
        state->file[state->file_count++] = mapping->file;
        memcpy(state->file_name[i], mapping->name, STATE_TEXT);
    }
    state->file_is_code[i] |= mapping->executable;
}

static void take_mapping(struct state *state, const struct mapping *mapping)
{
    uint64_t size = mapping->end - mapping->start;
    if (mapping->file.inode) {
        take_file(state, mapping);
    } else if (!mapping->named) {
        state->anonymous += size;
        state->anonymous_code += mapping->executable ? size : 0;
    }
}

static void take_map(struct state *state)
{
    read_map();
    for (unsigned i = 0; i < mapping_count; i++)
        take_mapping(state, &mappings[i]);
}

/* ---- lists in /proc ------------------------------------------------------------------------ */

static void each_number(const char *path, struct state *state,
                        void (*take)(struct state *, int number, int folder))
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder))
            take(state, atoi(entry->d_name), dirfd(folder));
    if (folder)
        closedir(folder);
}

static void take_thread(struct state *state, int number, int folder)
{
    char path[64], *name = state->thread_name[state->thread_count];
    (void)folder;
    if (state->thread_count >= STATE_THREADS)
        return;
    state->thread[state->thread_count++] = number;
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", number);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(name, 32, file))
        name[strcspn(name, "\n")] = '\0';
    fclose(file);
}

static void take_descriptor(struct state *state, int number, int folder)
{
    char path[16], *name = state->descriptor_name[state->descriptor_count];
    if (state->descriptor_count >= STATE_DESCRIPTORS)
        return;
    snprintf(path, sizeof path, "%d", number);
    ssize_t length = readlinkat(folder, path, name, STATE_TEXT - 1);
    name[length > 0 ? length : 0] = '\0';
    state->descriptor[state->descriptor_count++] = number;
}

/* ---- settings ------------------------------------------------------------------------------ */

static uint64_t hash(const char *text)
{
    uint64_t value = 1469598103934665603u;
    while (*text)
        value = (value ^ (unsigned char)*text++) * 1099511628211u;
    return value;
}

static void take_environment(struct state *state)
{
    for (char **v = environ; v && *v && state->variable_count < STATE_VARIABLES; v++) {
        char *name = state->variable_name[state->variable_count];
        snprintf(name, 64, "%s", *v);
        name[strcspn(name, "=")] = '\0';
        state->variable[state->variable_count++] = hash(*v);
    }
}

static void take_settings(struct state *state)
{
    const char *locale = setlocale(LC_ALL, NULL);
    for (int i = 1; i < NSIG; i++)
        sigaction(i, NULL, &state->action[i]);
    sigprocmask(SIG_SETMASK, NULL, &state->mask);
    getitimer(ITIMER_REAL, &state->timer);
    for (int i = 0; i < RLIM_NLIMITS; i++)
        getrlimit((__rlimit_resource_t)i, &state->limit[i]);
    if (!getcwd(state->folder, sizeof state->folder))
        state->folder[0] = '\0';
    snprintf(state->locale, sizeof state->locale, "%s", locale ? locale : "");
    state->group = getpgrp();
    state->session = getsid(0);
    state->priority = getpriority(PRIO_PROCESS, 0);
    state->creation_mask = umask(0);
    umask(state->creation_mask);
}

/* libc tells no list of keys: those are free that it gives. */
static void take_keys(void)
{
    static pthread_key_t given[STATE_KEYS];
    unsigned count = 0;
    memcpy(key_free[0], key_free[1], sizeof key_free[0]);
    memset(key_free[1], 0, sizeof key_free[1]);
    while (count < STATE_KEYS && pthread_key_create(&given[count], NULL) == 0) {
        if (given[count] < STATE_KEYS)
            key_free[1][given[count]] = true;
        count++;
    }
    while (count > 0)
        pthread_key_delete(given[--count]);
}

bool state_key_is_new(unsigned key)
{
    return key_free[0][key] && !key_free[1][key];
}

void state_take(struct state *ret)
{
    memset(ret, 0, sizeof *ret);
    take_environment(ret);
    take_settings(ret);
    each_number("/proc/self/task", ret, take_thread);
    each_number("/proc/self/fd", ret, take_descriptor);
    take_keys();
    take_map(ret);
}

/* ---- differences --------------------------------------------------------------------------- */

static void compare_threads(const struct state *before, const struct state *after)
{
    for (unsigned i = 0; i < after->thread_count; i++) {
        bool known = false;
        for (unsigned j = 0; j < before->thread_count; j++)
            known |= before->thread[j] == after->thread[i];
        if (!known)
            probe_note(FINDING_PROBE_THREADS, "%s", after->thread_name[i]);
    }
}

static void compare_descriptors(const struct state *before, const struct state *after)
{
    for (unsigned i = 0; i < after->descriptor_count; i++) {
        bool known = false;
        for (unsigned j = 0; j < before->descriptor_count; j++)
            known |= before->descriptor[j] == after->descriptor[i] &&
                     strcmp(before->descriptor_name[j], after->descriptor_name[i]) == 0;
        if (!known)
            probe_note(FINDING_PROBE_DESCRIPTORS, "%d: %s", after->descriptor[i],
                       after->descriptor_name[i]);
    }
}

static bool has_variable(const struct state *state, uint64_t variable)
{
    for (unsigned i = 0; i < state->variable_count; i++)
        if (state->variable[i] == variable)
            return true;
    return false;
}

/* Names only: values may be secret. */
static void compare_environment(const struct state *before, const struct state *after)
{
    for (unsigned i = 0; i < after->variable_count; i++)
        if (!has_variable(before, after->variable[i]))
            probe_note(FINDING_PROBE_SETTINGS, "environment: %s set", after->variable_name[i]);
    for (unsigned i = 0; i < before->variable_count; i++)
        if (!has_variable(after, before->variable[i]))
            probe_note(FINDING_PROBE_SETTINGS, "environment: %s changed or removed",
                       before->variable_name[i]);
}

static void compare_signals(const struct state *before, const struct state *after)
{
    for (int i = 1; i < NSIG; i++) {
        uintptr_t handler = (uintptr_t)after->action[i].sa_handler;
        if (handler == (uintptr_t)before->action[i].sa_handler)
            continue;
        bool is_code = after->action[i].sa_handler != SIG_DFL &&
                       after->action[i].sa_handler != SIG_IGN;
        probe_note(FINDING_PROBE_SIGNALS, "%d, %s: %s", i, strsignal(i),
                   !is_code ? "ignored or reset" :
                   state_is_mapped(handler) ? "handler" : "handler in unmapped code");
    }
}

static void compare_settings(const struct state *a, const struct state *b)
{
    const struct {
        const char *name;
        bool changed;
    } settings[] = {
        {"signal mask", memcmp(&a->mask, &b->mask, sizeof a->mask) != 0},
        {"alarm", b->timer.it_value.tv_sec || b->timer.it_value.tv_usec},
        {"resource limits", memcmp(a->limit, b->limit, sizeof a->limit) != 0},
        {"working directory", strcmp(a->folder, b->folder) != 0},
        {"locale", strcmp(a->locale, b->locale) != 0},
        {"process group", a->group != b->group},
        {"session", a->session != b->session},
        {"priority", a->priority != b->priority},
        {"file creation mask", a->creation_mask != b->creation_mask},
    };
    for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i].changed)
            probe_note(FINDING_PROBE_SETTINGS, "%s", settings[i].name);
}

/* Data that is mapped is no image. */
static unsigned compare_files(const struct state *before, const struct state *after,
                              struct state_file library)
{
    unsigned images = 0;
    for (unsigned i = 0; i < after->file_count; i++) {
        bool own = after->file[i].device == library.device &&
                   after->file[i].inode == library.inode;
        if (state_has_file(before, after->file[i]))
            continue;
        images += own || after->file_is_code[i];
        if (!own)
            probe_note(after->file_is_code[i] ? FINDING_PROBE_IMAGES : FINDING_PROBE_MAPPINGS,
                       "%s", after->file_name[i]);
    }
    return images;
}

/* Images that stay have anonymous memory too. */
static void compare_memory(const struct state *before, const struct state *after, bool images)
{
    if (after->anonymous_code > before->anonymous_code)
        probe_note(FINDING_PROBE_MAPPINGS, "%lu KiB, executable",
                   (unsigned long)(after->anonymous_code - before->anonymous_code) >> 10);
    else if (!images && after->anonymous > before->anonymous)
        probe_note(FINDING_PROBE_MAPPINGS, "%lu KiB",
                   (unsigned long)(after->anonymous - before->anonymous) >> 10);
}

bool state_compare(const struct state *before, const struct state *after,
                   struct state_file library)
{
    unsigned images = compare_files(before, after, library);
    compare_threads(before, after);
    compare_descriptors(before, after);
    compare_environment(before, after);
    compare_signals(before, after);
    compare_settings(before, after);
    compare_memory(before, after, images > 0);
    return images > 0;
}
