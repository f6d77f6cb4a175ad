/* SPDX-License-Identifier: MIT
 *
 * become.c - how a case turns into the host program of its variant (VARIANT); MATRIX_EMULATOR, with
 * the system below MATRIX_ROOT, runs it where it is for another processor.
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

#ifdef MATRIX_EMULATOR
/* What is to be preloaded is not for the emulator itself. */
static void become_emulated(const char *program, const char *path)
{
    static char preload[sizeof preloads + 16];
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", preloads);
    unsetenv("LD_PRELOAD");
    execlp(MATRIX_EMULATOR, MATRIX_EMULATOR, "-L", MATRIX_ROOT, "-0", program,
           "-E", preloads[0] ? preload : "MATRIX_PRELOADS=none", path, (char *)NULL);
}
#endif

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
    harness_path(path, name);
#ifdef MATRIX_EMULATOR
    become_emulated(program, path);
#endif
    execl(path, program, (char *)NULL);
    say("cannot run %s", path);
    _exit(99);
}
