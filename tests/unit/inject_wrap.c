/* SPDX-License-Identifier: MIT
 *
 * The calls that libfini makes of libc, with a chance to fail: linked into the plugin with
 * --wrap, so that nobody else's calls are meant.
 *
 * __cxa_thread_atexit_impl is not among them: it ends the process where it cannot do its work. Nor
 * is what a thread sleeps with: that cannot fail, and a worker that nobody can wake sleeps on.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "inject.h"
#include "inject_found.h"

#define WRAP(type, name, parameters, arguments, sees, failing)    \
    type __real_##name parameters;                                \
    type __wrap_##name parameters;                                \
    type __wrap_##name parameters                                 \
    {                                                             \
        if (!inject_fails(#name, sees))                           \
            return __real_##name arguments;                       \
        errno = ENOMEM;                                           \
        return failing;                                           \
    }

typedef void handler(void *);

WRAP(void *, malloc, (size_t size), (size), false, NULL)
WRAP(void *, mmap, (void *at, size_t size, int use, int flags, int fd, off_t offset),
     (at, size, use, flags, fd, offset), false, MAP_FAILED)
WRAP(int, __cxa_atexit, (handler *fn, void *arg, void *owner), (fn, arg, owner), false, -1)
WRAP(char *, bindtextdomain, (const char *domain, const char *folder), (domain, folder), false,
     NULL)
WRAP(char *, secure_getenv, (const char *name), (name), false, NULL)

/* What libfini finds by name. */
static int (*libcs_find_object)(void *at, void *ret);
static int (*libcs_dladdr1)(const void *at, Dl_info *info, void **extra, int flags);
static int (*libcs_dl_addr)(const void *at, Dl_info *info, void **map, void *symbol);

static int wrapped_find_object(void *at, void *ret)
{
    return inject_fails("_dl_find_object", true) ? -1 : libcs_find_object(at, ret);
}

static int wrapped_dladdr1(const void *at, Dl_info *info, void **extra, int flags)
{
    return inject_fails("dladdr1", true) ? 0 : libcs_dladdr1(at, info, extra, flags);
}

static int wrapped_dl_addr(const void *at, Dl_info *info, void **map, void *symbol)
{
    return inject_fails("_dl_addr", true) ? 0 : libcs_dl_addr(at, info, map, symbol);
}

inject_code *inject_found(const char *name, inject_code *code)
{
    if (!code)
        return NULL;
    if (strcmp(name, "dladdr1") == 0) {
        libcs_dladdr1 = (__typeof__(libcs_dladdr1))code;
        return (inject_code *)wrapped_dladdr1;
    }
    if (strcmp(name, "_dl_addr") == 0) {
        libcs_dl_addr = (__typeof__(libcs_dl_addr))code;
        return (inject_code *)wrapped_dl_addr;
    }
    libcs_find_object = (__typeof__(libcs_find_object))code;
    return (inject_code *)wrapped_find_object;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (int n = 0; n < 6; n++)
        a[n] = va_arg(arguments, long);
    va_end(arguments);
    bool can_fail = number != SYS_futex && number != SYS_clock_gettime && number != SYS_nanosleep;
    if (!can_fail || !inject_fails("syscall", true))
        return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    errno = EFAULT;
    return -1;
}
