/* SPDX-License-Identifier: MIT
 *
 * FINI_ON_EXIT_BEGIN in a library that is loaded at start-up: what was added before main runs with
 * the FINI_ON_EXIT hooks, what is added in main runs early.
 */
#include <stdlib.h>

#include "harness.h"
#include "plugin.h"

extern const struct plugin startup;

static void handler(void)
{
    say("handler of the program");
}

CASE(at_file_scope,
     .after = "handler of the program\nown handler: *\nat file scope, begin: exit\n"
              "older, on exit: exit\n")
{
    require_eq(atexit(handler), 0);
}

CASE(added_in_main,
     .after = "in main, begin: exit\nat file scope, begin: exit\nhandler of the program\n"
              "own handler: *\nolder, on exit: exit\n")
{
    static struct fini_hook hook;
    require_eq(atexit(handler), 0);
    hook = (struct fini_hook)SPEAKER(&startup, "in main, begin", FINI_ON_EXIT_BEGIN);
    require_eq(startup.add(&hook), FINI_OK);
}

static void second_handler(void)
{
    say("own handler, added in main");
}

/* Hooks come after all of the image's own exit handlers, whenever those were added. */
CASE(own_handlers_come_first,
     .after = "own handler, added in main\nown handler: *\nat file scope, begin: exit\n"
              "older, on exit: exit\n")
{
    require_eq(startup.at_exit(second_handler), 0);
}
