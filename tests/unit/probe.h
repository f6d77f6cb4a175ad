/* SPDX-License-Identifier: MIT
 *
 * A hook that says that it ran, and why, and then does what it was told.
 *
 * Decides: what a case starts from. Leaves what it shows to the case.
 */
#ifndef PROBE_H
#define PROBE_H

#include "fake.h"
#include "harness.h"
#include "inside.h"

struct probe {
    const char *name;
    struct fini_hook hook;
    void (*act)(struct probe *self);
    struct probe *other; /* for `act` */
};

/* A hook is complete but for its private members, which are left as they are. */
void probe_set(struct probe *p, const char *name, unsigned when, void (*act)(struct probe *));

/* The three probes every case has: A, B and C, for FINI_ALWAYS. */
extern struct probe A, B, C;

/* Fresh state, platform and probes. */
void probe_start(void);

/* Calls, with the error said where it is not FINI_OK. */
void add(struct probe *p);
void add_all(void); /* A, then B, then C */
void drop(struct probe *p);

#endif
