/* SPDX-License-Identifier: MIT
 *
 * live_layout.h - where the loader keeps what it does not publish.
 *
 * Decides: what is taken for known. The members of glibc's struct link_map behind l_prev have moved
 * in most releases, so a place is known only from debug data of this very loader, or from trying it
 * out in a process of our own that runs this very loader: the same build id. Else it is not known,
 * and nobody guesses.
 */
#ifndef COMMAND_LIVE_LAYOUT_H
#define COMMAND_LIVE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

enum live_source { SOURCE_NONE, SOURCE_DEBUG_DATA, SOURCE_TRIAL };

struct live_member {
    uint32_t offset, size;      /* in bytes; size 0: not known */
    uint64_t mask;              /* of the number there */
};

struct live_layout {
    enum live_source source;
    struct live_member opened;      /* how often by dlopen: l_direct_opencount */
    struct live_member pinned;      /* l_nodelete_active, before glibc 2.31 l_flags_1 */
    struct live_member destructors; /* of thread_local objects, pending: l_tls_dtor_count */
    struct live_member bound;       /* images whose symbols it has bound: l_reldeps */
};

enum { LIVE_MAP_SIZE = 2048 };  /* of struct link_map that is looked at; glibc 2.36 has 1152 */

/* false: not known, or not all there. */
bool live_member_read(const struct live_member *member, const unsigned char *map, uint64_t size,
                      uint64_t *ret);

/* For the loader with this build id, of a process with this root folder (/proc/PID/root). */
void live_layout_find(const char *build_id, const char *root, struct live_layout *ret);

/* The two ways, one by one: for live_layout_find, and for comparing them. */
bool live_layout_by_debug_data(const char *build_id, const char *root, struct live_layout *ret);
bool live_layout_by_trial(struct live_layout *ret); /* of the loader that runs this program */

#endif
