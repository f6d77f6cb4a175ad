/* SPDX-License-Identifier: MIT
 *
 * allocator-bump.c - the simplest allocator that a host may bring: no lock, nothing is given back.
 */
#include "allocator.h"

static void allocator_enter(void)
{
}

static void allocator_leave(void)
{
}
