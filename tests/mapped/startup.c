/* SPDX-License-Identifier: MIT
 *
 * Holds of a library that the program starts with: linked, or preloaded. It never goes.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "harness.h"
#include "host.h"

static const struct member *m;
static struct fini_hold hold;

static void find_member(void)
{
    m = dlsym(RTLD_DEFAULT, "member");
    require(m != NULL);
}

static void speak_at_the_end(void)
{
    say("member: exit");
}

CASE(traits, .after = "member: exit\n")
{
    find_member();
    require_eq(m->traits(), TRAITS(FINI_AT_STARTUP));
    require_eq(m->pin(), FINI_OK);
    require_eq(m->traits(), TRAITS(FINI_AT_STARTUP | FINI_PINNED));
    require_eq(m->generation(), 1);
    m->in_hook(speak_at_the_end);
}

static void *hold_and_release(void *arg)
{
    require_eq(m->hold(&hold), FINI_OK);
    require_eq(m->hold(&hold), FINI_EBUSY);
    require_eq(m->release(&hold), FINI_OK);
    require_eq(m->release(&hold), FINI_ENOENT);
    require_eq(m->hold_for_thread(), FINI_OK);
    return arg;
}

CASE(holds, .after = "member: exit\n")
{
    find_member();
    m->in_hook(speak_at_the_end);
    in_thread(hold_and_release, NULL);
    hold_and_release(NULL);
}

static void hold_too_late(void)
{
    say("hold: %s", m->error_text(m->hold(&hold)));
    say("pin: %s", m->error_text(m->pin()));
    say("hold for thread: %s", m->error_text(m->hold_for_thread()));
}

#define ALL_TOO_LATE                               \
    "hold: too late: finalization has begun\n"     \
    "pin: too late: finalization has begun\n"      \
    "hold for thread: too late: finalization has begun\n"

CASE(too_late_in_a_hook, .after = ALL_TOO_LATE)
{
    find_member();
    m->in_hook(hold_too_late);
}

/* In a start-up library libfini's finalizer is what calls it. */
CASE(too_late_in_an_exit_handler, .after = "hold: success\n" "pin: success\n"
                                           "hold for thread: success\n")
{
    find_member();
    m->in_exit_handler(hold_too_late);
}
