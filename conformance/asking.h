/* SPDX-License-Identifier: MIT
 *
 * asking.h - asks many questions at once, each in a process of its own.
 */
#ifndef CONFORMANCE_ASKING_H
#define CONFORMANCE_ASKING_H

#include <stddef.h>

#include "question.h"

enum { ANSWER_SIZE = 256 };

struct asked {
    const struct question *question;
    char answer[ANSWER_SIZE];
};

void ask_all(struct asked *asked, size_t count);

#endif
