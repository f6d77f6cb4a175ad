/* SPDX-License-Identifier: MIT
 *
 * host.h - what the hosts of this folder share: a module is opened, used, and left in one of two
 * ways. None of them knows whether the module is naive or cured.
 */
#ifndef FAILURES_HOST_H
#define FAILURES_HOST_H

#include <stdbool.h>

/* Opens argv[1]. Whatever fails here ends the program with status 2. */
void *host_open(int argc, char **argv);

/* What argv[2] asks for: `unload`, or the end of the process while the module is in use. */
bool host_unloads(char **argv);

void host_close(void *module);

void *host_symbol(void *module, const char *name);

typedef void host_function(void);
host_function *host_find(void *module, const char *name);

void host_nap(int milliseconds);

/* Forks. The child calls `first`, unless it is NULL, and exits; the parent ends as the child did,
 * without finalizers. */
__attribute__((noreturn)) void host_end_as_child(host_function *first);

#endif
