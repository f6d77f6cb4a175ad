/* SPDX-License-Identifier: MIT
 *
 * dependent.c - a library that needs filescope.so, and does nothing.
 */
#include "fini.h"

extern fini_fn *at_file_hook;
extern fini_fn **const dependent;
fini_fn **const dependent = &at_file_hook;
