/* SPDX-License-Identifier: MIT
 *
 * live_loader.h - where a process has its loader, and that its list of images.
 */
#ifndef COMMAND_LIVE_LOADER_H
#define COMMAND_LIVE_LOADER_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "live_process.h"

/* What counts of what the kernel has told the program. */
struct live_auxiliary {
    uint64_t segments, segment_count, base, entry, random;
};

/* header: of the program's file. Fills loader, debug and is_musl; false: error says why. */
bool live_loader_find(struct live_process *process, const struct live_auxiliary *auxiliary,
                      const ElfW(Ehdr) *header);

#endif
