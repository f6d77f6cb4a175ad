/* SPDX-License-Identifier: MIT
 *
 * The static data of libfini, for tests: started afresh, and looked at.
 *
 * Decides: what a fresh image is, and whether the list of hooks is whole.
 * Leaves to others: the platform (fake.h).
 */
#ifndef INSIDE_H
#define INSIDE_H

#include "core.h"

void inside_reset(void);
struct fini__lock *inside_lock(void);
struct fini__lock *inside_holds_lock(void);
struct fini__lock *inside_locals_lock(void);
struct fini__lock *inside_workers_lock(void);
bool inside_whole(void);              /* every link of the list leads where it should */
unsigned inside_runs_of_others(void);

/* Gates: places near and far. */
enum { INSIDE_NEAR = 256, INSIDE_FAR = 1024 };
bool inside_has_places(void);
void inside_forget_places(void);  /* as before the first use of a gate */
void inside_last_destructor(void); /* what the loader calls last in an image */

#endif
