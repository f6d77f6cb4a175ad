/* SPDX-License-Identifier: MIT
 *
 * libfini in a program itself: dynamic, not position independent, static, static and position
 * independent. It never goes; all calls say so or succeed; it is its own first generation.
 */
#include <pthread.h>
#include <string.h>

#include "fini.h"
#include "harness.h"

static struct fini_hold hold;

static void too_late(void *arg, fini_reason why)
{
    (void)arg;
    say("%s, hold: %s", fini_reason_name(why), fini_strerror(fini_hold(&hold)));
    say("pin: %s", fini_strerror(fini_pin()));
    say("keep: %s", fini_strerror(fini_keep_put("late", "x", 1)));
}
FINI_HOOK(too_late, NULL, FINI_ALWAYS);

#define ENDS_WITH(pin)                                    \
    "exit, hold: too late: finalization has begun\n"      \
    "pin: " pin "\n"                                      \
    "keep: success\n"
#define AT_EXIT ENDS_WITH("too late: finalization has begun")
#define PINNED_AT_EXIT ENDS_WITH("success")

CASE(traits_of_a_program, .after = PINNED_AT_EXIT)
{
    const unsigned traits = FINI_AT_STARTUP | FINI_IN_PROGRAM |
                            WHERE_UNLOADED(0, FINI_NEVER_UNLOADS);
    require_eq(fini_traits(), traits);
    require_eq(fini_pin(), FINI_OK);
    require_eq(fini_traits(), traits | FINI_PINNED);
}

static void hold_and_release(void)
{
    require_eq(fini_hold(&hold), FINI_OK);
    require_eq(fini_hold(&hold), FINI_EBUSY);
    require_eq(fini_release(&hold), FINI_OK);
    require_eq(fini_release(&hold), FINI_ENOENT);
    require_eq(fini_hold_for_thread(), FINI_OK);
}

CASE(holds_of_a_program, .after = AT_EXIT)
{
    hold_and_release();
}

static void *hold_in_thread(void *arg)
{
    hold_and_release();
    return arg;
}

CASE(holds_of_a_program_in_a_thread, .after = AT_EXIT)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, hold_in_thread, NULL), 0);
    require_eq(pthread_join(thread, NULL), 0);
}

CASE(too_late_in_a_program, .after = AT_EXIT)
{
}

CASE(generation_of_a_program, .after = AT_EXIT)
{
    require_eq(fini_generation(), 1);
}

CASE(keepsakes_of_a_program, .after = AT_EXIT)
{
    char text[8];
    size_t size = sizeof text;
    require_eq(fini_keep_put("name", "data", 5), FINI_OK);
    require_eq(fini_keep_get("name", text, &size), FINI_OK);
    require_eq(size, 5);
    require(strcmp(text, "data") == 0);
}
