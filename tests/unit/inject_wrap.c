/* SPDX-License-Identifier: MIT
 *
 * The calls that libfini makes of libc, with a chance to fail: linked into the plugin with
 * --wrap, so that nobody else's calls are meant.
 *
 * __cxa_thread_atexit_impl is not among them: it ends the process where it cannot do its work.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "inject.h"

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
WRAP(int, _dl_find_object, (void *at, struct dl_find_object *ret), (at, ret), true, -1)
WRAP(int, dladdr1, (const void *at, Dl_info *info, void **extra, int flags),
     (at, info, extra, flags), true, 0)
WRAP(char *, secure_getenv, (const char *name), (name), false, NULL)

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    long a[4];
    va_list arguments;
    va_start(arguments, number);
    for (int n = 0; n < 4; n++)
        a[n] = va_arg(arguments, long);
    va_end(arguments);
    if (!inject_fails("syscall", true))
        return __real_syscall(number, a[0], a[1], a[2], a[3]);
    errno = EFAULT;
    return -1;
}
