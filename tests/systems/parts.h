/* SPDX-License-Identifier: MIT
 *
 * What a plugin of tests/systems lets its host call: its own copy of libfini.
 */
#ifndef TESTS_SYSTEMS_PARTS_H
#define TESTS_SYSTEMS_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "fini.h"

struct parts {
    unsigned (*traits)(void);
    unsigned (*generation)(void);
    int (*pin)(void);
    int (*hold)(void); /* one hold */
    int (*release)(void);
    int (*hold_for_thread)(void);
    int (*put)(const char *name, const void *data, size_t size);
    int (*get)(const char *name, void *ret_data, size_t *size);
    int (*value)(void); /* what fini_local_init answers */
    int (*start)(void); /* a worker that waits until it is to stop */
    int (*stop)(void);
    unsigned (*rounds)(void); /* how many workers have come to their end */
    bool (*enter)(void); /* one gate */
    void (*leave)(void);
    int (*close)(int64_t timeout);
    int (*open)(void);
};

#endif
