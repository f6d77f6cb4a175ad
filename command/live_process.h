/* SPDX-License-Identifier: MIT
 *
 * live_process.h - whether a process can be looked at, and what is known before it is stopped.
 */
#ifndef COMMAND_LIVE_PROCESS_H
#define COMMAND_LIVE_PROCESS_H

#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "live_memory.h"

enum { LIVE_ERROR_SIZE = 256 };

struct live_process {
    pid_t pid;
    pid_t reader;               /* a thread that has not ended: the memory is read by its id */
    char program[PATH_MAX];     /* as the process sees it */
    struct timespec started;    /* in steps of the clock tick, rounded up; 0: not known */
    uint64_t loader;            /* where the loader is mapped */
    uint64_t debug;             /* its struct r_debug */
    uint64_t place;             /* of the program and its stack: another one after exec */
    bool is_musl;
    char error[LIVE_ERROR_SIZE];
};

/* false: it cannot, and error says why. */
bool live_process_open(pid_t pid, struct live_process *ret);

/* It has become another program since it was opened, or is about to, as far as can be told: where
 * the kernel puts programs at random. */
bool live_process_is_another(const struct live_process *process);

/* Why ptrace did not let us, from errno and what the system is set to. */
void live_process_refused(struct live_process *process, int error);

/* As in /proc/PID/stat; X: it is not there. */
char live_thread_state(pid_t pid, pid_t tid);

/* Whether this thread has ended, and is only waited for. */
bool live_thread_is_dead(pid_t pid, pid_t tid);

/* A thread of the kernel, also a worker of io_uring: one belongs to the process, but nothing of the
 * program runs in it, and to stop it ends what it is at, with an error that the program sees. */
bool live_thread_is_kernels(pid_t pid, pid_t tid);

/* The ELF header of this program: of the architecture that can be looked at. */
bool live_own_header(ElfW(Ehdr) *ret);

/* The path for us of a file of the process, whatever root folder it has. */
enum { LIVE_PATH_SIZE = PATH_MAX + 32 };
void live_path(const struct live_process *process, const char *path, char ret[LIVE_PATH_SIZE]);

/* Likewise of the file that is mapped there, and what has become of it. */
enum live_file { FILE_THERE, FILE_DELETED, FILE_REPLACED, FILE_CHANGED, FILE_NONE };
enum live_file live_file_of(const struct live_process *process, const struct live_mapping *mapping,
                            char ret[LIVE_PATH_SIZE]);

#endif
