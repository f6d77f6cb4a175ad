/* SPDX-License-Identifier: MIT
 *
 * needs.c - a library that only depends on the plugin.
 */
extern int needs;
int needs = 1;
