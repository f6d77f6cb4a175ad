/* SPDX-License-Identifier: MIT
 *
 * 11-mechanism.c - krb5 #576: the plugin. It takes its time over a step. With APART it does not
 * depend on the library that opens it; only then can dlclose unload that library.
 */
extern int glue_version(void);
extern void mechanism_step(void);

void mechanism_step(void)
{
    static volatile long sum;
#ifndef APART
    sum = glue_version();
#endif
    for (int i = 0; i < 1000000; i++)
        sum = sum + i;
}
