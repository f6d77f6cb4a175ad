/* SPDX-License-Identifier: MIT
 *
 * system.h - what the experiments need of a system; system_posix.c and system_windows.c have it.
 *
 * Decides: the few words in which an experiment is written for all systems.
 * Leaves to others: what a system alone has, which experiments call by themselves.
 *
 * What a system lacks ends the process with the answer "not here".
 */
#ifndef CONFORMANCE_SYSTEM_H
#define CONFORMANCE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

#include "library.h"

#ifdef __GNUC__
#define NORETURN __attribute__((noreturn))
#elif defined(_MSC_VER)
#define NORETURN __declspec(noreturn)
#else
#define NORETURN
#endif

enum { PATH_SIZE = 4096, MOMENT = 100, FOREVER = 3000 }; /* milliseconds: FOREVER is long enough */

/* ---- libraries ----------------------------------------------------------------------------- */

enum sys_how {
    SYS_PLAIN,
    SYS_GLOBAL,     /* its symbols are for all */
    SYS_NODELETE,
    SYS_PRESENT,    /* only if it is loaded already */
    SYS_PIN         /* is loaded already, and shall stay for good */
};

void sys_path(char path[PATH_SIZE], const char *name); /* of the library beside the program */
void *sys_open(const char *name, enum sys_how how);    /* NULL: cannot */
void sys_close(void *library);
void *sys_symbol(void *library, const char *name);
void *sys_anywhere(const char *name);                  /* a function of the system's libraries */
void sys_find(const void *address);                    /* whose is it? */
void sys_iterate(void);                                /* over what is loaded */
bool sys_mapped(const void *address);
void sys_environment(const char *name, const char *text);

/* ---- threads and processes ----------------------------------------------------------------- */

struct sys_thread;
struct sys_thread *sys_start(void (*body)(void *), void *arg); /* NULL: cannot */
void sys_join(struct sys_thread *thread);
bool sys_is_first_thread(void);
NORETURN void sys_thread_end(void);
void sys_sleep(int milliseconds);

/* Once set, an event stays so. All are zero at first. */
struct sys_event {
    volatile int set;
};
void sys_set(struct sys_event *event);
bool sys_wait(struct sys_event *event, int milliseconds);

typedef void LIBRARY_CALL sys_key_fn(void *);
unsigned long sys_key_create(sys_key_fn *destroy);
void sys_key_set(unsigned long key);        /* to something for this thread */
void sys_key_delete(unsigned long key);

void sys_fork(void (*in_child)(void));      /* and waits for the child, which is left by _exit */
NORETURN void sys_quit(void);               /* runs nothing */
NORETURN void sys_kill_self(void);
NORETURN void sys_quick_exit(void);

/* ---- of the judge -------------------------------------------------------------------------- */

void sys_prepare(const char *program);      /* argv[0]; first of all */
void sys_write(const char *text, size_t length);

/* In words: "glibc-2.36-x86_64" and "Linux 6.1.0". */
void sys_name(char *text, size_t size);
void sys_kernel(char *text, size_t size);

enum sys_end { SYS_RUNS, SYS_ENDED, SYS_CRASHED, SYS_ABORTED, SYS_HUNG };

struct sys_child {
    enum sys_end end;
    int status;          /* of SYS_ENDED */
    int waited;          /* milliseconds */
    long long process;
    long long pipe;
};

void sys_child_start(struct sys_child *child, const char *id, const char *startup);
void sys_child_look(struct sys_child *child);   /* has it ended? */
void sys_child_kill(struct sys_child *child);
size_t sys_child_read(struct sys_child *child, char *text, size_t size); /* all it said; once */

#endif
