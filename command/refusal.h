/* SPDX-License-Identifier: MIT
 *
 * refusal.h - programs that the loader does not take the agent into.
 *
 * Decides by the files alone, before the program runs. Asked by `fini`, and by the agent when the
 * process is to become another program: it may be in a signal handler then, so nothing is allocated
 * and no lock is taken.
 */
#ifndef COMMAND_REFUSAL_H
#define COMMAND_REFUSAL_H

/* Each: why not, as the end of a sentence; NULL: not known, or it does. */
const char *refusal_of(int fd);
const char *refusal_at(const char *path);
/* Looked for as a shell does. */
const char *refusal_found(const char *program);

#endif
