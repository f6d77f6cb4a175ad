/* SPDX-License-Identifier: MIT
 *
 * From what the platform saw to the reason, and from the reason to the hooks it is for.
 *
 * Decides: the rule "when in doubt it is an exit", and what each reason means for hooks.
 * Leaves to others: seeing (platform.h), running (hooks.c). No state, no system.
 *
 *   finalizer  by_unload  by_exit  exit_around   reason
 *   no         any        any      any           running
 *   yes        no         any      any           exit (seen, or in doubt)
 *   yes        yes        yes      any           exit (contradiction: in doubt)
 *   yes        yes        no       yes           unload at exit
 *   yes        yes        no       no            unload
 */
#include "core.h"

fini_reason fini__reason_of(struct fini__sight sight)
{
    if (!sight.finalizer)
        return FINI_RUNNING;
    if (sight.by_exit || !sight.by_unload)
        return FINI_EXIT;
    return sight.exit_around ? FINI_UNLOAD_AT_EXIT : FINI_UNLOAD;
}

/* A FINI_ON_EXIT_BEGIN hook that found no earlier moment runs with the FINI_ON_EXIT hooks. */
unsigned fini__reason_moments(fini_reason why, bool clean_exit)
{
    const unsigned at_exit = FINI_ON_EXIT | FINI_ON_EXIT_BEGIN;
    switch (why) {
    case FINI_UNLOAD:
        return FINI_ON_UNLOAD;
    case FINI_UNLOAD_AT_EXIT:
        return FINI_ON_UNLOAD | at_exit;
    case FINI_EXIT:
        return clean_exit ? FINI_ON_UNLOAD | at_exit : at_exit;
    default:
        return 0;
    }
}

const char *fini_reason_name(fini_reason reason)
{
    static const char *const names[] = {"running", "unload", "unload at exit", "exit",
                                        "thread exit"};
    size_t index = (size_t)reason;
    return index < sizeof names / sizeof *names ? names[index] : "unknown";
}
