/* SPDX-License-Identifier: MIT
 *
 * with_agent.c - the environment that has the loader take the agent in.
 *
 * Decides where the agent is: beside the program `fini`, or where it was installed. Leaves to the
 * agent what it does there.
 */
#include "with_agent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum { NOT_RUN = 126, NOT_FOUND = 127 };

static bool is_there(char *ret, size_t size, const char *folder, const char *more)
{
    int length = snprintf(ret, size, "%s%s/libfini-agent.so", folder, more);
    return length > 0 && (size_t)length < size && access(ret, R_OK) == 0;
}

static bool find_agent(char *ret, size_t size)
{
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (length > 0) {
        folder[length] = '\0';
        *strrchr(folder, '/') = '\0';
        if (is_there(ret, size, folder, "") ||
            is_there(ret, size, folder, "/../" FINI_LIB_FROM_BIN "/fini"))
            return true;
    }
    return is_there(ret, size, FINI_LIBDIR, "/fini");
}

/* Names are separated by colons, preloaded ones by blanks as well. */
static bool put_before(const char *name, const char *agent)
{
    const char *before = getenv(name);
    char *all = NULL;
    if (!before || !*before)
        return setenv(name, agent, 1) == 0;
    if (asprintf(&all, "%s:%s", agent, before) < 0)
        return false;
    bool done = setenv(name, all, 1) == 0;
    free(all);
    return done;
}

bool with_agent_environment(bool audit, bool preload)
{
    char agent[PATH_MAX + 64];
    if (!find_agent(agent, sizeof agent)) {
        text_error("libfini-agent.so", "not found");
        return false;
    }
    if (strpbrk(agent, ": \t")) {
        text_error(agent, "the loader takes no path with blanks or colons");
        return false;
    }
    return (!audit || put_before("LD_AUDIT", agent)) &&
           (!preload || put_before("LD_PRELOAD", agent));
}

int with_agent_become(char **command)
{
    execvp(command[0], command);
    int error = errno;
    text_error(command[0], "%s", strerror(error));
    return error == ENOENT ? NOT_FOUND : NOT_RUN;
}
