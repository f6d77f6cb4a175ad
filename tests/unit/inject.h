/* SPDX-License-Identifier: MIT
 *
 * What the host of fault injection and its plugin know of each other. The host exports these; the
 * calls that libfini makes inside the plugin ask `inject_fails` (inject_wrap.c).
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>

enum inject_hook { HOOK_FILE, HOOK_ALWAYS, HOOK_UNLOAD, HOOK_EXIT, HOOK_BEGIN, INJECT_HOOKS };

/* The next call is to fail. `sees`: it is one that finding the reason rests on. */
bool inject_fails(const char *call, bool sees);

/* A hook of the plugin runs; it may not come back. */
void inject_hook_runs(enum inject_hook hook, int why);

#endif
