/* SPDX-License-Identifier: MIT
 *
 * trace_ring.h - reads what the traced program says, from the ring that agent.h describes.
 *
 * Decides: the program may write anything there, at any time, and so may children of it that live
 * on. What is read is copied first and then looked at, where the reader stands is not taken from
 * there, and no call reads for ever. Leaves to trace_model.c what an event means.
 */
#ifndef COMMAND_TRACE_RING_H
#define COMMAND_TRACE_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "agent.h"
#include "trace_model.h"

struct trace_ring {
    struct agent_ring *shared;
    uint64_t tail;              /* before which all has been read */
    uint64_t stands_at;         /* the tail, and since when nobody has filled its slot */
    time_t since;
};

/* False: there is no memory to be shared, and errno says why. */
bool trace_ring_open(struct trace_ring *ret, int *ret_fd);

/* What is there, or as much of it as the ring holds: others want to be heard, too. */
void trace_ring_read(struct trace_ring *ring, struct model *model);

/* When the program has ended: what a thread took and did not fill is passed over. */
void trace_ring_read_rest(struct trace_ring *ring, struct model *model);

/* Sleeps until there is something, or for a moment. */
void trace_ring_wait(struct trace_ring *ring);

#endif
