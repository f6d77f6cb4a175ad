/* SPDX-License-Identifier: MIT
 *
 * A library that needs another: a reference, and nothing else.
 */
extern const char member[];
extern const void *const depends;
const void *const depends = member;
