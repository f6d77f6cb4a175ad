/* SPDX-License-Identifier: MIT
 *
 * A process that is allowed next to no system call once the plugin is loaded: what dlclose and
 * exit() themselves need, and no more. No file can be opened, /proc among them.
 *
 * Leaves to others: single calls, from the start on (conditions.c).
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"
#include "refuse.h"

/* brk: where malloc is asked at exit it may ask in turn. futex: any lock of libc's may need it; the
 * walk asks by it whether the next page of a stack can be read, where a frame of the host's crosses
 * into it: once in some twenty processes, by where the kernel has put the stack. */
static const struct refusal needed[] = {
    {SYS_munmap, 0, ANY, 0}, {SYS_exit_group, 0, ANY, 0}, {SYS_brk, 0, ANY, 0},
    {SYS_futex, 0, ANY, 0}, {REFUSE_END, 0, ANY, 0}};

static int error;
static void (*end)(void);

static void live(void)
{
    life_load();
    refuse_all_but(needed, error);
    end();
    exit(0);
}

static void leave(void)
{
    exit(0);
}

static void end_with(const char *name, void (*how)(void), fini_reason why)
{
    static const int errors[] = {EPERM, ENOSYS, EINVAL, 0};
    end = how;
    for (size_t n = 0; n < sizeof errors / sizeof *errors; n++) {
        error = errors[n];
        life_plugin = "hostile-naive.so";
        const char *naive = life_wrong(life_run(live, NULL), FINI_RUNNING);
        life_plugin = "hostile-fini.so";
        const char *cured = life_wrong(life_run(live, NULL), why);
        if (naive || cured)
            say("%s, error %d: naive %s, libfini %s", name, error, naive ? naive : "right",
                cured ? cured : "right");
    }
}

static void unload_in_handler(void)
{
    if (atexit(life_unload) != 0)
        abort();
}

CASE(next_to_no_system_call)
{
    end_with("dlclose", life_unload, FINI_UNLOAD);
    end_with("exit", leave, FINI_EXIT);
    end_with("dlclose at exit", unload_in_handler, FINI_UNLOAD_AT_EXIT);
}
