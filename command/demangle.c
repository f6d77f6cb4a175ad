/* SPDX-License-Identifier: MIT
 *
 * demangle.c - by the C++ run-time's own __cxa_demangle.
 *
 * It is a C function, and part of the C++ ABI; libiberty's, the same code, is only a static library
 * without a promise, and LLVM's is a library of a hundred megabytes. Of Rust's names it knows those
 * in the manner of C++.
 */
#include "demangle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the Itanium C++ ABI, 3.4; <cxxabi.h> is for C++ only. */
char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status);

/* It takes stack in proportion to the name. */
enum { LONGEST = 4096 };

void demangle(const char *name, char *ret, size_t size)
{
    int status;
    char *plain = NULL;
    if (name[0] == '_' && name[1] == 'Z' && strnlen(name, LONGEST) < LONGEST)
        plain = __cxa_demangle(name, NULL, NULL, &status);
    snprintf(ret, size, "%s", plain ? plain : name);
    free(plain);
}
