/* SPDX-License-Identifier: MIT
 *
 * probe_calls.h - what a library asks of libc, for the host of the probe.
 */
#ifndef COMMAND_PROBE_CALLS_H
#define COMMAND_PROBE_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* Notes handlers, keys and pending destructors that are left. Those of an image that stayed do no
 * harm. images_left: one did, and a key that nobody can be told to own is taken for its. */
void calls_look(bool images_left);

/* In probe_host.c: adds a finding. */
void probe_note(int finding, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
