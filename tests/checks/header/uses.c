/* SPDX-License-Identifier: MIT
 *
 * Uses every macro of fini.h, as C99 to C17 and as C++11 to C++20. `when` comes from the command
 * line where it is to be a wrong one.
 */
#include "fini.h"

#include <stdio.h>

#ifndef WHEN
#define WHEN FINI_ALWAYS
#endif

static int numbers[2];

static void tell(const char *name, void *arg, fini_reason why)
{
    printf("%s%s: %s\n", name, arg ? "*" : "", fini_reason_name(why));
    fflush(stdout);
}

static void own(void *arg, fini_reason why)
{
    tell("own", arg, why);
}

#include "first.h"
#include "second.h"

FINI_UNLOAD_HOOK(own, NULL);
FINI_EXIT_HOOK(own, &numbers[1]);
FINI_HOOK(own, NULL, FINI_ON_EXIT | FINI_NOT_IN_CHILD); FINI_HOOK(own, NULL, FINI_ON_EXIT_BEGIN);
FINI_HOOK(own, NULL, WHEN);

static struct fini_hook hook = FINI_HOOK_INIT(own, &numbers[0], FINI_ON_UNLOAD);

static struct fini_gate gate = FINI_GATE_INIT;

static bool pass_gate(void)
{
    for (int n = 0; n < 3; n++) {
        if (!fini_gate_enter(&gate))
            return false;
        fini_gate_leave(&gate);
    }
    return fini_gate_close(&gate, 0) == FINI_OK && !fini_gate_enter(&gate);
}

static void predefined(const char *name)
{
    printf("%s: %s\n", name, fini_reason_name(fini_why()));
    fflush(stdout);
}

void fini_unload_handler(void)
{
    predefined("unload handler");
}

void fini_exit_handler(void)
{
    predefined("exit handler");
}

#define ROW(name, value, text) + ((name) == (value) ? 1 : 100)
enum { ERRORS = 0 FINI_ERRORS(ROW) };

__attribute__((constructor)) static void loaded(void)
{
    bool wrong = fini_exiting() || fini_forked() || fini_why() != FINI_RUNNING || ERRORS != 12;
    wrong |= !pass_gate();
    printf("%s: %s\n", FINI_VERSION, wrong ? "wrong" : fini_strerror(fini_add(&hook)));
    printf("%s\n", fini_strerror(fini_remove(&hook)));
}
