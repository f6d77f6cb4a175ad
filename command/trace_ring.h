/* SPDX-License-Identifier: MIT
 *
 * trace_ring.h - the events of the traced program, as they come.
 */
#ifndef COMMAND_TRACE_RING_H
#define COMMAND_TRACE_RING_H

#include "trace_model.h"

/* The descriptor is for the agent, which opens it by way of /proc. */
bool ring_open(int *ret);
/* All that is there. */
void ring_read(struct model *model);
/* After the program's death: what a thread took and did not fill is passed over. */
void ring_read_rest(struct model *model);
/* Until there is more, or for a moment. */
void ring_wait(void);

#endif
