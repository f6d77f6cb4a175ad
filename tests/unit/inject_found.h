/* SPDX-License-Identifier: MIT
 *
 * What libfini finds by name comes by here (inject_wrap.c). Included before fini.c.
 */
#ifndef INJECT_FOUND_H
#define INJECT_FOUND_H

typedef void inject_code(void);
__attribute__((visibility("hidden"))) inject_code *inject_found(const char *name,
                                                               inject_code *code);
#define FINI_GLIBC_CALLS(name, code) inject_found(name, code)

#endif
