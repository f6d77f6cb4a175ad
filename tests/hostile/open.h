/* SPDX-License-Identifier: MIT
 *
 * open.h - cases that are right and that libfini fails: run by `ninja hostile-open` only, so that
 * they are easily found. Whoever mends one writes CASE in place of OPEN_CASE.
 */
#ifndef HOSTILE_OPEN_H
#define HOSTILE_OPEN_H

#include "harness.h"

#ifdef HOSTILE_OPEN
#define OPEN_CASE(...) CASE(__VA_ARGS__)
#else
#define OPEN_CASE(...) OPEN__CASE(__VA_ARGS__, )
#define OPEN__CASE(id, ...) \
    __attribute__((unused)) static void open_##id(const void *data __attribute__((unused)))
#endif

#endif
