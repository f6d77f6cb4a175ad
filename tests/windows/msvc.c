/* SPDX-License-Identifier: MIT
 *
 * msvc.c - fini.h and fini.c as MSVC would read them: no name says that this is gcc or clang. The
 * system's headers have to be mingw's, which want gcc, so they come first.
 */
#include <errno.h>
#undef __MINGW_IMPORT /* made for gcc alone */
#define __MINGW_IMPORT extern
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#undef __GNUC__
#undef __clang__
#undef NEAR /* fini.c reads <windows.h> last */
#undef FAR
#undef __forceinline /* a word of MSVC's that mingw's headers replace */

#include "fini.c"

static void run(void *arg, fini_reason why)
{
    (void)arg, (void)why;
}

FINI_UNLOAD_HOOK(run, NULL);
FINI_HOOK(run, NULL, FINI_ALWAYS);
FINI_LIBRARY("org.example.msvc");

void fini_exit_handler(void)
{
    fini_hold_for_thread();
}
