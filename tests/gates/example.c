/* SPDX-License-Identifier: MIT
 *
 * examples/gate: what its host prints, however it ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness.h"

/* Says its first and its last line; the first must not come again. */
static void run_host(const char *way)
{
    char host[PATH_MAX], library[PATH_MAX], command[2 * PATH_MAX + 40], line[200], last[200] = "";
    snprintf(command, sizeof command, "'%s' '%s' %s", harness_path(host, "gate-host"),
             harness_path(library, "gate-journal.so"), way);
    FILE *output = popen(command, "r");
    require(output != NULL);
    for (bool first = true; fgets(line, sizeof line, output); first = false) {
        line[strcspn(line, "\n")] = '\0';
        if (first)
            say("%s", line);
        else
            require(strcmp(line, "journal: first") != 0);
        snprintf(last, sizeof last, "%s", line);
    }
    say("%s", last);
    require_eq(pclose(output), 0);
}

CASE(threads_are_busy, .expect = "journal: first\njournal: exit, all given back\n")
{
    run_host("busy");
}

CASE(a_thread_is_blocked_inside,
     .expect = "journal: first\njournal: exit, somebody is inside, the rest is left\n")
{
    run_host("blocked");
}

CASE(the_library_is_unloaded,
     .expect = "journal: first\njournal: " WHERE_UNLOADED("unload", "exit") ", all given back\n")
{
    run_host("unload");
}

CASE(a_child_exits_too, .expect = "journal: first\njournal: exit, all given back\n")
{
    run_host("fork");
}
