/* SPDX-License-Identifier: MIT
 *
 * Hooks in a header, on the same lines as those of second.h.
 */
static void first(void *arg, fini_reason why) { tell("first", arg, why); }
FINI_HOOK(first, NULL, FINI_ALWAYS);
FINI_UNLOAD_HOOK(first, NULL);
