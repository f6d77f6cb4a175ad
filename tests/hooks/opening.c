/* SPDX-License-Identifier: MIT
 *
 * Plugins that a thread opens while the constructors of start-up libraries still run: the thread's
 * stack says nothing of main, and a handler that is registered then comes too late in exit().
 *
 * Decides: that each is told the right reason at each end, and that what is added in main is early.
 * Leaves to others: plugins that a start-up constructor opens itself (the matrix).
 */
#include "opening.h"

#include <stdlib.h>

#include "harness.h"

static struct opening *before = &opened_before_main, *meanwhile = &opened_meanwhile;

static void wait_for_both(void)
{
    while (!atomic_load(&opened_both))
        nap(100);
}

static void close_both(void)
{
    wait_for_both();
    close_plugin(before->handle);
    close_plugin(meanwhile->handle);
}

CASE(unloaded, .unloads = true, .expect = "hook: unload\nhook: unload\nclosed\n")
{
    close_both();
    say("closed");
}

CASE(exited, .after = "hook: exit\nhook: exit\n")
{
    wait_for_both();
    require_eq(before->plugin->remove(&before->begin_hook), FINI_OK);
}

CASE(unloaded_at_exit, .unloads = true,
     .after = "begin: unload at exit\nhook: unload at exit\nhook: unload at exit\n")
{
    require_eq(atexit(close_both), 0);
}

static void handler(void)
{
    say("handler of the program, exiting: %d", before->plugin->exiting());
}

CASE(added_in_main,
     .after = "in main: exit\nbegin: exit\nhandler of the program, exiting: 1\n"
              "hook: exit\nhook: exit\n")
{
    static struct fini_hook hook;
    wait_for_both(); /* musl: a plugin's hooks run before what is older than it */
    require_eq(atexit(handler), 0);
    hook = (struct fini_hook)SPEAKER(before->plugin, "in main", FINI_ON_EXIT_BEGIN);
    require_eq(before->plugin->add(&hook), FINI_OK);
}
