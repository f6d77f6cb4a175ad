/* SPDX-License-Identifier: MIT
 *
 * become.c - how a case turns into the host program of its variant (VARIANT).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "matrix.h"

/* Not in this process: nothing is preloaded before the exec. */
static void set_preload(const char *first, const char *second)
{
    char list[2 * PATH_MAX + 1], path[PATH_MAX], other[PATH_MAX];
    char name[128];
    list[0] = other[0] = '\0';
    snprintf(name, sizeof name, "%s.d/%s", VARIANT, first);
    harness_path(path, name);
    if (second) {
        snprintf(name, sizeof name, "%s.d/%s", VARIANT, second);
        harness_path(other, name);
    }
    snprintf(list, sizeof list, "%s%s%s", path, second ? ":" : "", other);
    setenv("LD_PRELOAD", list, 1);
}

void matrix_become(const char *program, const char *in, const char *out, const char *preload,
                   const char *preload_too)
{
    char path[PATH_MAX], name[128];
    snprintf(name, sizeof name, "%s.d/%s", VARIANT, program);
    setenv("MATRIX_IN", in, 1);
    setenv("MATRIX_OUT", out, 1);
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
    setenv("TSAN_OPTIONS", "report_signal_unsafe=0", 1);
    if (preload || preload_too)
        set_preload(preload ? preload : preload_too, preload ? preload_too : NULL);
    execl(harness_path(path, name), program, (char *)NULL);
    say("cannot run %s", path);
    _exit(99);
}
