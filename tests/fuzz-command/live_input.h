/* SPDX-License-Identifier: MIT
 *
 * live_input.h - a process as a file: what live_record writes and live_fuzz reads.
 *
 * The head; then pieces of memory, each with its bytes behind it. The piece at address 0 is the
 * text of /proc/PID/maps.
 */
#ifndef LIVE_INPUT_H
#define LIVE_INPUT_H

#include <stdint.h>

enum { INPUT_MEMBERS = 4 };     /* of struct live_layout, in its order */

struct input_head {
    uint64_t segments, segment_count, base, entry; /* of the auxiliary vector */
    uint64_t file_entry;        /* of the program's file */
    uint64_t debug;             /* struct r_debug, if it is not found */
    uint64_t mask[INPUT_MEMBERS];
    uint16_t offset[INPUT_MEMBERS];
    uint8_t size[INPUT_MEMBERS];
    uint8_t json, one_by_one;   /* how it is shown */
    uint8_t unused[2];
};

struct input_piece {
    uint64_t address;
    uint32_t length, unused;
};

#endif
