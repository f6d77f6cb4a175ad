/* SPDX-License-Identifier: MIT
 *
 * broken.c - a library that cannot be loaded, and fails late: after it was mapped. The loader then
 * sweeps out whatever is unused.
 */
extern void matrix_there_is_no_such_function(void);
extern void broken(void);

void broken(void)
{
    matrix_there_is_no_such_function();
}
