/* SPDX-License-Identifier: MIT
 *
 * with_agent.c - the environment that has the loader take the agent in.
 *
 * Decides where the agent is: beside the program `fini`, or where it was installed. Leaves to the
 * agent what it does there.
 */
#include "with_agent.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Of a program without PT_INTERP there is no loader. */
static bool is_static(int fd)
{
    Elf64_Ehdr head;
    Elf64_Phdr header;
    if (pread(fd, &head, sizeof head, 0) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG))
        return false;
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof header)
        return false;
    for (int i = 0; i < head.e_phnum; i++) {
        off_t at = (off_t)(head.e_phoff + (Elf64_Off)i * sizeof header);
        if (pread(fd, &header, sizeof header, at) == sizeof header && header.p_type == PT_INTERP)
            return false;
    }
    return true;
}

static const char *refusal_of(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID))
        return "it is set-user-ID or set-group-ID, and the loader takes nothing in there";
    if (is_static(fd))
        return "it is static: there is no loader, and nothing that can be traced";
    return NULL;
}

static const char *refusal_at(const char *folder, size_t length, const char *program)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%.*s%s%s", (int)length, folder, length ? "/" : "",
                        program);
    int fd = size > 0 && size < PATH_MAX ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return NULL;
    const char *why = refusal_of(fd);
    close(fd);
    return why ? why : "";
}

const char *with_agent_refusal(const char *program)
{
    const char *path = getenv("PATH"), *why = NULL;
    if (strchr(program, '/') || !path)
        why = refusal_at("", 0, program);
    for (; path && !why && !strchr(program, '/'); path += *path == ':') {
        size_t length = strcspn(path, ":");
        why = refusal_at(path, length, program);
        path += length;
        if (!*path)
            break;
    }
    return why && *why ? why : NULL;
}
