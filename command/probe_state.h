/* SPDX-License-Identifier: MIT
 *
 * probe_state.h - the state of a process that a library may change, as far as it can be seen from
 * inside, for the host of the probe.
 */
#ifndef COMMAND_PROBE_STATE_H
#define COMMAND_PROBE_STATE_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/time.h>

enum {
    STATE_FILES = 512, STATE_MAPPINGS = 8192, STATE_THREADS = 512, STATE_DESCRIPTORS = 1024,
    STATE_VARIABLES = 1024, STATE_KEYS = 1024, STATE_TEXT = 160
};

struct state_file {
    uint64_t device, inode;
};

struct state {
    unsigned file_count, thread_count, descriptor_count, variable_count;
    struct state_file file[STATE_FILES];
    char file_name[STATE_FILES][STATE_TEXT];
    bool file_is_code[STATE_FILES];
    uint64_t anonymous, anonymous_code;           /* bytes mapped, without heap and stack */
    int thread[STATE_THREADS];
    char thread_name[STATE_THREADS][32];
    int descriptor[STATE_DESCRIPTORS];
    char descriptor_name[STATE_DESCRIPTORS][STATE_TEXT];
    uint64_t variable[STATE_VARIABLES];           /* a hash of each string */
    char variable_name[STATE_VARIABLES][64];
    struct sigaction action[NSIG];
    sigset_t mask;
    struct itimerval timer;
    struct rlimit limit[RLIM_NLIMITS];
    char folder[PATH_MAX], locale[256];
    int group, session, priority;
    unsigned creation_mask;
};

void state_take(struct state *ret);
bool state_has_file(const struct state *state, struct state_file file);

/* Notes what is different, but for the library's own file. Returns whether images are left, the
 * library among them. */
bool state_compare(const struct state *before, const struct state *after,
                   struct state_file library);

/* Of the process as it is now. */
struct state_file state_file_at(uintptr_t address);

/* Of the state that was taken last, and of the one before it. */
bool state_is_mapped(uintptr_t address);
bool state_key_is_new(unsigned key);

#endif
