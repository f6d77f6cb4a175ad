/* SPDX-License-Identifier: MIT
 *
 * kept.c - one file of a plugin that is nothing but hooks at file scope, so that nothing refers to
 * them. NAME is the file's; with ADDS it adds another in a constructor.
 */
#include "fini.h"

#include <stdio.h>

static const char *const name = NAME;

static void hook(void *arg, fini_reason why)
{
    printf("%s %s: %s\n", name, (const char *)arg, fini_reason_name(why));
    fflush(stdout);
}

static char first[] = "first", second[] = "second", third[] = "third", fourth[] = "fourth";

FINI_HOOK(hook, first, FINI_ALWAYS);
FINI_UNLOAD_HOOK(hook, second);
FINI_HOOK(hook, third, FINI_ALWAYS); FINI_EXIT_HOOK(hook, first);
FINI_HOOK(hook, fourth, FINI_ALWAYS);

#ifdef ADDS
/* So early that hooks at file scope of other files may be added later. */
__attribute__((constructor(101))) static void add(void)
{
    static struct fini_hook added = FINI_HOOK_INIT(hook, "added", FINI_ALWAYS);
    fini_add(&added);
}
#endif
