/* SPDX-License-Identifier: MIT
 *
 * become.c - how a case turns into the host program of its variant (VARIANT).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "matrix.h"

static char preloads[3 * PATH_MAX];

/* Not in this process: nothing is preloaded before the exec. */
void matrix_preload(const char *path)
{
    char whole[PATH_MAX];
    strcat(preloads, preloads[0] ? ":" : "");
    strncat(preloads, harness_path(whole, path), sizeof preloads - strlen(preloads) - 2);
    setenv("LD_PRELOAD", preloads, 1);
}

static void preload_of_variant(const char *library)
{
    char name[128];
    if (!library)
        return;
    snprintf(name, sizeof name, "%s.d/%s", VARIANT, library);
    matrix_preload(name);
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
    preload_of_variant(preload);
    preload_of_variant(preload_too);
    execl(harness_path(path, name), program, (char *)NULL);
    say("cannot run %s", path);
    _exit(99);
}
