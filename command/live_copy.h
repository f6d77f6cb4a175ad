/* SPDX-License-Identifier: MIT
 *
 * live_copy.h - an image in the memory of a process, laid out as its file was.
 *
 * For one whose file is gone, or is not for us to open. There may be no sections in it, but unwind
 * tables and dynamic symbols.
 */
#ifndef COMMAND_LIVE_COPY_H
#define COMMAND_LIVE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The image that begins there, of which so many bytes are mapped. NULL: it is none. Else it is to
 * be freed. */
char *live_copy_image(pid_t pid, uint64_t base, uint64_t mapped, size_t *ret_size);

#endif
