/* SPDX-License-Identifier: MIT
 *
 * outcome.h - what host.c lets demo.c know.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

enum {
    TIME_LIMIT = 2,    /* seconds; a host that takes longer hangs */
    STAYED_LOADED = 3  /* exit status */
};

#endif
