/* SPDX-License-Identifier: MIT
 *
 * What makes a program need the library: a reference.
 */
extern const char member[];
extern const void *const uses_member;
const void *const uses_member = member;
