/* SPDX-License-Identifier: MIT
 *
 * The plugin of hard.c: says what its hooks are told, and can be slow early in exit().
 */
#include <time.h>

#include "fini.h"
#include "harness.h"

void hard_start(int slow);

static void speak(void *arg, fini_reason why)
{
    say("%s %s", (const char *)arg, fini_reason_name(why));
}

static void be_slow(void *arg, fini_reason why)
{
    const struct timespec second = {.tv_sec = 1};
    (void)arg;
    (void)why;
    nanosleep(&second, NULL);
}

static char name[] = "hook";
static struct fini_hook hook = FINI_HOOK_INIT(speak, name, FINI_ALWAYS);
static struct fini_hook slow_hook = FINI_HOOK_INIT(be_slow, NULL, FINI_ON_EXIT_BEGIN);

void hard_start(int slow)
{
    require_eq(fini_add(&hook), FINI_OK);
    if (slow)
        require_eq(fini_add(&slow_hook), FINI_OK);
}
