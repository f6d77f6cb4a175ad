/* SPDX-License-Identifier: MIT
 *
 * The macros of fini.h inside a C++ namespace: they declare nothing there that hides fini.h's names.
 */
#include "fini.h"

namespace somewhere {

static void end(void *, fini_reason)
{
}

FINI_LIBRARY("org.example.somewhere");
FINI_UNLOAD_HOOK(end, nullptr);
FINI_EXIT_HOOK(end, nullptr);
static struct fini_hook hook = FINI_HOOK_INIT(end, nullptr, FINI_ALWAYS);

int add();
int add()
{
    return fini_add(&hook);
}

}
