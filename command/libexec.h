/* SPDX-License-Identifier: MIT
 *
 * libexec.h - where the files are that only `fini` itself uses.
 */
#ifndef COMMAND_LIBEXEC_H
#define COMMAND_LIBEXEC_H

#include <stdbool.h>
#include <stddef.h>

bool libexec_find(const char *name, char *ret, size_t size);

#endif
