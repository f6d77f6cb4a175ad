/* SPDX-License-Identifier: MIT
 *
 * agent_exec.c - the traced program becomes another one, and the agent goes along.
 *
 * Programs are often started by scripts, which end in an exec. Decides: the process that is traced
 * stays so; what its children run does not, and what cannot be traced has the environment that it
 * would have. Allocates nothing but stack: exec may be called from a signal handler.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_calls.h"
#include "agent_ring.h"
#include "refusal.h"

enum { PATH_SIZE = 4096 };

extern char **environ;

static char trace[PATH_SIZE], own_path[PATH_SIZE];

void agent_exec_start(const char *ring_path)
{
    Dl_info info;
    /* Both come from the environment, where they fit. */
    if (!dladdr((void *)trace, &info) || strlen(info.dli_fname) >= PATH_SIZE)
        return;
    strcpy(own_path, info.dli_fname);
    snprintf(trace, sizeof trace, AGENT_TRACE "=%s", ring_path);
}

static size_t count_of(char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static bool is_setting(const char *entry, const char *name, size_t length)
{
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* NULL: it is not there. */
static const char *value_of(char *const *list, const char *name)
{
    size_t length = strlen(name);
    for (; list && *list; list++)
        if (is_setting(*list, name, length))
            return *list + length + 1;
    return NULL;
}

static size_t size_of(char *const *list, const char *name)
{
    const char *value = value_of(list, name);
    return strlen(name) + 1 + strlen(own_path) + 1 + (value ? strlen(value) : 0) + 1;
}

static void put(char *ret, char *const *list, const char *name)
{
    const char *value = value_of(list, name);
    char *end = stpcpy(stpcpy(stpcpy(ret, name), "="), own_path);
    if (value && *value)
        stpcpy(stpcpy(end, ":"), value);
}

static bool is_replaced(const char *entry)
{
    return is_setting(entry, "LD_AUDIT", 8) || is_setting(entry, "LD_PRELOAD", 10);
}

/* ret has room for three more than the list. */
static void put_all(char **ret, char *const *list, char *audit, char *preload)
{
    for (; list && *list; list++)
        if (!is_replaced(*list))
            *ret++ = *list;
    *ret++ = trace;
    *ret++ = audit;
    *ret++ = preload;
    *ret = NULL;
}

static bool may_go_along(void)
{
    return own_path[0] && agent_listens();
}

/* Another user, or another root, may not open what the agent needs. */
static bool is_in_reach(void)
{
    return faccessat(AT_FDCWD, own_path, R_OK, AT_EACCESS) == 0 &&
           faccessat(AT_FDCWD, trace + sizeof AGENT_TRACE, R_OK | W_OK, AT_EACCESS) == 0;
}

static bool goes_along(const char *program, const char *refusal)
{
    char text[PATH_SIZE + 200];
    if (!refusal && !is_in_reach())
        refusal = "the agent is out of its reach";
    if (!refusal)
        return true;
    size_t length = strnlen(program, PATH_SIZE - 1);
    memcpy(text, program, length);
    text[length] = '\0';
    stpcpy(text + length + 1, refusal);
    agent_say(AGENT_LEAVES, (uint64_t[AGENT_WORDS]){0}, text, length + 1 + strlen(refusal));
    return false;
}

/* The environment of the new program, with the agent in it. A macro, for it is on the caller's
 * stack. */
#define ALONG(list, ret)                                                                          \
    do {                                                                                          \
        char *audit = alloca(size_of(list, "LD_AUDIT"));                                          \
        char *preload = alloca(size_of(list, "LD_PRELOAD"));                                      \
        put(audit, list, "LD_AUDIT");                                                             \
        put(preload, list, "LD_PRELOAD");                                                         \
        ret = alloca((count_of(list) + 4) * sizeof *ret);                                         \
        put_all(ret, list, audit, preload);                                                       \
    } while (0)

EXPORTED int execve(const char *path, char *const *arguments, char *const *environment)
{
    char **along;
    if (!may_go_along() || !goes_along(path, refusal_at(path)))
        return NEXT(execve)(path, arguments, environment);
    ALONG(environment, along);
    return NEXT(execve)(path, arguments, along);
}

EXPORTED int execvpe(const char *file, char *const *arguments, char *const *environment)
{
    char **along;
    if (!may_go_along() || !goes_along(file, refusal_found(file)))
        return NEXT(execvpe)(file, arguments, environment);
    ALONG(environment, along);
    return NEXT(execvpe)(file, arguments, along);
}

EXPORTED int fexecve(int fd, char *const *arguments, char *const *environment)
{
    char **along;
    if (!may_go_along() || !goes_along("a descriptor", refusal_of(fd)))
        return NEXT(fexecve)(fd, arguments, environment);
    ALONG(environment, along);
    return NEXT(fexecve)(fd, arguments, along);
}

EXPORTED int execv(const char *path, char *const *arguments)
{
    return execve(path, arguments, environ);
}

EXPORTED int execvp(const char *file, char *const *arguments)
{
    return execvpe(file, arguments, environ);
}

/* How many there are, with the NULL at the end. */
static size_t count_arguments(const char *first, va_list *rest)
{
    size_t count = 1;
    for (const char *one = first; one; one = va_arg(*rest, const char *))
        count++;
    return count;
}

static void take_arguments(char **ret, const char *first, va_list *rest)
{
    for (const char *one = first; (*ret++ = (char *)(uintptr_t)one);)
        one = va_arg(*rest, const char *);
}

#define TAKE(first, list, ret)                                                                    \
    do {                                                                                          \
        va_start(list, first);                                                                    \
        ret = alloca(count_arguments(first, &list) * sizeof *ret);                                \
        va_end(list);                                                                             \
        va_start(list, first);                                                                    \
        take_arguments(ret, first, &list);                                                        \
    } while (0)

EXPORTED int execl(const char *path, const char *first, ...)
{
    va_list list;
    char **arguments;
    TAKE(first, list, arguments);
    va_end(list);
    return execve(path, arguments, environ);
}

EXPORTED int execlp(const char *file, const char *first, ...)
{
    va_list list;
    char **arguments;
    TAKE(first, list, arguments);
    va_end(list);
    return execvpe(file, arguments, environ);
}

EXPORTED int execle(const char *path, const char *first, ...)
{
    va_list list;
    char **arguments;
    TAKE(first, list, arguments);
    char *const *environment = va_arg(list, char *const *);
    va_end(list);
    return execve(path, arguments, environment);
}
