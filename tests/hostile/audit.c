/* SPDX-License-Identifier: MIT
 *
 * audit.c - a library for LD_AUDIT, which only looks on. Three times:
 *
 *   (nothing)     la_version and la_objopen
 *   AUDIT_BINDS   la_symbind and la_activity and their like, too
 *   AUDIT_CALLS   and every call through a PLT goes by way of the loader, which stays on the stack
 */
#include <link.h>
#include <stddef.h>
#include <stdint.h>

unsigned la_version(unsigned version)
{
    return version;
}

unsigned la_objopen(struct link_map *map, Lmid_t namespace, uintptr_t *cookie)
{
    (void)map;
    (void)namespace;
    (void)cookie;
    return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

#ifdef AUDIT_BINDS
static volatile unsigned seen;

void la_activity(uintptr_t *cookie, unsigned flag)
{
    (void)cookie;
    seen += flag;
}

char *la_objsearch(const char *name, uintptr_t *cookie, unsigned flag)
{
    (void)cookie;
    seen += flag;
    return (char *)(uintptr_t)name;
}

unsigned la_objclose(uintptr_t *cookie)
{
    (void)cookie;
    seen++;
    return 0;
}

uintptr_t la_symbind64(ElfW(Sym) *symbol, unsigned index, uintptr_t *from, uintptr_t *to,
                       unsigned *flags, const char *name)
{
    (void)index;
    (void)from;
    (void)to;
    (void)flags;
    (void)name;
    seen++;
    return symbol->st_value;
}
#endif

#ifdef AUDIT_CALLS
ElfW(Addr) la_x86_64_gnu_pltenter(ElfW(Sym) *symbol, unsigned index, uintptr_t *from,
                                  uintptr_t *to, La_x86_64_regs *registers, unsigned *flags,
                                  const char *name, long *frame_size)
{
    (void)index;
    (void)from;
    (void)to;
    (void)registers;
    (void)flags;
    (void)name;
    *frame_size = 256; /* of arguments to copy; the loader then waits for the return */
    return symbol->st_value;
}

unsigned la_x86_64_gnu_pltexit(ElfW(Sym) *symbol, unsigned index, uintptr_t *from, uintptr_t *to,
                               const La_x86_64_regs *in, La_x86_64_retval *out, const char *name)
{
    (void)symbol;
    (void)index;
    (void)from;
    (void)to;
    (void)in;
    (void)out;
    (void)name;
    return 0;
}
#endif
