/* SPDX-License-Identifier: MIT
 *
 * matrix.h - what matrix.c and races.c share.
 */
#ifndef MATRIX_MATRIX_H
#define MATRIX_MATRIX_H

/* Becomes the variant's host program. Two libraries to preload; each may be NULL. */
void matrix_become(const char *program, const char *in, const char *out, const char *preload,
                   const char *preload_too) __attribute__((noreturn));

#endif
