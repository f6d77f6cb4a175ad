/* SPDX-License-Identifier: MIT
 *
 * module.h - what every module of this folder has: a voice, and the window.
 *
 * A module depends on window.c, whose destructor comes after the module's own and takes 20 ms: time
 * for a thread to crash in. Then it tells whether the module is still mapped.
 */
#ifndef FAILURES_MODULE_H
#define FAILURES_MODULE_H

#include <string.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "guest.h"
#ifdef __cplusplus
}
#endif

__attribute__((constructor)) static void open_window(void)
{
    static const char mark = 0;
    window_watch(&mark);
}

/* One line, at once: what stands in a buffer is lost in a crash. */
static inline void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0 || write(STDOUT_FILENO, "\n", 1) < 0)
        _exit(2);
}

#endif
