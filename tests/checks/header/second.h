/* SPDX-License-Identifier: MIT
 *
 * Hooks in a header, on the same lines as those of first.h.
 */
static void second(void *arg, fini_reason why) { tell("second", arg, why); }
FINI_HOOK(second, NULL, FINI_ALWAYS);
FINI_UNLOAD_HOOK(second, NULL);
