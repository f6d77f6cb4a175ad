/* SPDX-License-Identifier: MIT
 *
 * The parts of libfini that need no hooks: names, the table of reasons, the lock, the trace line.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"
#include "harness.h"
#include "inside.h"

/* ---- texts ----------------------------------------------------------------------------------- */

static const char *const error_texts[] = {
    "success", "invalid argument", "in use: already added, or running now",
    "not supported on this platform", "timed out", "the caller would wait for itself",
    "out of memory", "a system limit is reached", "too large",
    "too late: finalization has begun", "not there", "the system refused"};

CASE(strerror_of_every_code)
{
    for (int n = 0; n < 12; n++)
        require(strcmp(fini_strerror(-n), error_texts[n]) == 0);
    require_eq(FINI_ESYSTEM, -11);
}

CASE(strerror_of_no_code)
{
    static const int unknown[] = {1, 2, -12, -100, INT_MIN, INT_MAX};
    for (size_t n = 0; n < sizeof unknown / sizeof *unknown; n++)
        require(strcmp(fini_strerror(unknown[n]), "unknown error") == 0);
}

CASE(reason_names, .expect = "running\nunload\nunload at exit\nexit\nthread exit\n"
                             "unknown\nunknown\nunknown\n")
{
    for (int reason = 0; reason <= 5; reason++)
        say("%s", fini_reason_name((fini_reason)reason));
    say("%s", fini_reason_name((fini_reason)-1));
    say("%s", fini_reason_name((fini_reason)INT_MAX));
}

/* ---- reasons --------------------------------------------------------------------------------- */

CASE(reason_of_every_sight)
{
    /* Each digit: exit_around, by_exit, by_unload, finalizer, from the highest bit down. */
    static const fini_reason reasons[16] = {
        FINI_RUNNING, FINI_EXIT, FINI_RUNNING, FINI_UNLOAD,
        FINI_RUNNING, FINI_EXIT, FINI_RUNNING, FINI_EXIT,
        FINI_RUNNING, FINI_EXIT, FINI_RUNNING, FINI_UNLOAD_AT_EXIT,
        FINI_RUNNING, FINI_EXIT, FINI_RUNNING, FINI_EXIT};
    for (unsigned n = 0; n < 16; n++) {
        struct fini__sight sight = {
            .finalizer = n & 1, .by_unload = n & 2, .by_exit = n & 4, .exit_around = n & 8};
        require_eq(fini__reason_of(sight), reasons[n]);
    }
}

CASE(moments_of_every_reason)
{
    static const unsigned moments[][2] = {{0, 0}, {1, 1}, {11, 11}, {10, 11}, {0, 0}, {0, 0}};
    for (int reason = 0; reason < 6; reason++) {
        require_eq(fini__reason_moments((fini_reason)reason, false), moments[reason][0]);
        require_eq(fini__reason_moments((fini_reason)reason, true), moments[reason][1]);
    }
}

CASE(why_outside_hooks_is_what_is_seen)
{
    fake_reset();
    inside_reset();
    require_eq(fini_why(), FINI_RUNNING);
    fake.around = (struct fini__sight){.finalizer = true, .by_unload = true};
    require_eq(fini_why(), FINI_UNLOAD);
    fake.around.exit_around = true;
    require_eq(fini_why(), FINI_UNLOAD_AT_EXIT);
    fake.dead = FAKE_SEE;
    require_eq(fini_why(), FINI_RUNNING);
}

CASE(exiting_and_forked_ask_the_platform)
{
    fake_reset();
    inside_reset();
    require(!fini_exiting() && !fini_forked());
    fake.exiting = true;
    require(fini_exiting() && !fini_forked());
    fake_fork();
    require(fini_forked());
}

/* ---- the lock -------------------------------------------------------------------------------- */

static unsigned cleaned_up;

static void clean_up(void)
{
    cleaned_up++;
}

static struct fini__lock lock = {.process = FINI_LOCK_UNUSED, .forked = clean_up};

static void owner_drops_in_round_3(unsigned round)
{
    require_eq(fake.pauses, round + 1);
    if (round == 3)
        fini__lock_drop(&lock);
}

CASE(lock_of_one_thread)
{
    fake_reset();
    require(fini__lock_take(&lock));
    require(!fini__lock_take(&lock));
    require_eq(lock.owner, 1);
    fini__lock_drop(&lock);
    require_eq(lock.owner, 0);
    require(fini__lock_take(&lock));
    require_eq(fake.pauses, 0);
}

CASE(lock_waits_for_another_thread)
{
    fake_reset();
    require(fini__lock_take(&lock));
    fake.thread = 2;
    fake.on_pause = owner_drops_in_round_3;
    require(fini__lock_take(&lock));
    require_eq(lock.owner, 2);
    require_eq(fake.pauses, 4);
}

CASE(lock_of_the_thread_that_forked_stays_its_own)
{
    fake_reset();
    require(fini__lock_take(&lock));
    require_eq(cleaned_up, 0);
    fake.process++;
    require(!fini__lock_take(&lock));
    require_eq(lock.owner, 1);
    require_eq(cleaned_up, 1);
}

CASE(lock_of_a_thread_that_the_child_lacks_is_free)
{
    fake_reset();
    require(fini__lock_take(&lock));
    fake.process++;
    fake.thread = 2;
    require(fini__lock_take(&lock));
    require_eq(lock.owner, 2);
    require_eq(cleaned_up, 1);
    require_eq(fake.pauses, 0);
    fini__lock_drop(&lock);
    require(fini__lock_take(&lock));
    require_eq(cleaned_up, 1);
}

static void other_has_cleaned_up(unsigned round)
{
    if (round == 2)
        lock.process = fake.process;
}

CASE(lock_waits_for_the_clean_up_of_another_thread)
{
    fake_reset();
    lock.process = FINI_LOCK_CLEANING_UP;
    fake.on_pause = other_has_cleaned_up;
    require(fini__lock_take(&lock));
    require_eq(cleaned_up, 0);
    require_eq(fake.pauses, 3);
}

CASE(lock_of_the_only_thread)
{
    fake_reset();
    fake.alone = true;
    require(!fini__lock_needed(&lock));
    require(fini__lock_take(&lock));
    require(!fini__lock_take(&lock));
    require_eq(lock.owner, 1);
    fini__lock_drop(&lock);
    require_eq(lock.owner, 0);
    fake.process++;
    require(fini__lock_take(&lock));
    require_eq(cleaned_up, 0);
}

/* A second thread sees what the first holds, and from then on nobody is believed to be alone. */
CASE(lock_of_a_thread_that_was_alone)
{
    fake_reset();
    fake.alone = true;
    require(fini__lock_take(&lock));
    fake.alone = false;
    fake.thread = 2;
    fake.on_pause = owner_drops_in_round_3;
    require(fini__lock_needed(&lock));
    require(fini__lock_take(&lock));
    require_eq(fake.pauses, 4);
    fake.alone = true;
    fake.process++;
    fake.thread = 1;
    require(fini__lock_needed(&lock));
    require(fini__lock_take(&lock));
    require_eq(cleaned_up, 1);
}

/* The parent's thread of this number was inside; in the child it is another's. */
CASE(lock_of_a_namesake_in_the_parent_is_not_held_in_a_child)
{
    fake_reset();
    lock.process = fake.process;
    require(fini__lock_take(&lock));
    fake.process++;
    fake.forker = fake.thread + 1;
    require(fini__lock_take(&lock));
    fini__lock_drop(&lock);
}

/* ---- the trace line -------------------------------------------------------------------------- */

static void trace(const char *image, fini_reason why, unsigned long thread, unsigned hooks_run)
{
    fake_reset();
    fake.image_name = image;
    fake.thread_number = thread;
    fini__trace_finalization(why, hooks_run);
}

CASE(trace_line)
{
    trace("/lib/libthing.so", FINI_UNLOAD_AT_EXIT, 0, 0);
    require(strcmp(fake.printed,
                   "fini: /lib/libthing.so: unload at exit, thread 0, hooks run 0\n") == 0);
    trace("", FINI_EXIT, 10, 7);
    require(strcmp(fake.printed, "fini: : exit, thread 10, hooks run 7\n") == 0);
    require(strcmp(fake.log, "print ") == 0);
}

CASE(trace_line_with_the_largest_numbers)
{
    char expected[200];
    trace("x", FINI_UNLOAD, ULONG_MAX, UINT_MAX);
    snprintf(expected, sizeof expected, "fini: x: unload, thread %lu, hooks run %u\n", ULONG_MAX,
             UINT_MAX);
    require(strcmp(fake.printed, expected) == 0);
}

static void trace_length(size_t length, size_t kept)
{
    char name[1000], expected[1000];
    for (size_t n = 0; n < length; n++)
        name[n] = (char)('a' + n % 26);
    name[length] = '\0';
    trace(name, FINI_UNLOAD_AT_EXIT, ULONG_MAX, UINT_MAX);
    snprintf(expected, sizeof expected, "fini: %s: unload at exit, thread %lu, hooks run %u\n",
             name + length - kept, ULONG_MAX, UINT_MAX);
    require(strcmp(fake.printed, expected) == 0);
}

CASE(trace_line_keeps_the_end_of_a_long_name)
{
    trace_length(399, 399);
    trace_length(400, 400);
    trace_length(401, 400);
    trace_length(999, 400);
}
