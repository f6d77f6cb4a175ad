/* SPDX-License-Identifier: MIT
 *
 * demangle.h - names as people write them.
 */
#ifndef COMMAND_DEMANGLE_H
#define COMMAND_DEMANGLE_H

#include <stddef.h>

/* The name itself where it is not mangled, or too long. */
void demangle(const char *name, char *ret, size_t size);

#endif
