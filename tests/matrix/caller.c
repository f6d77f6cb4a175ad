/* SPDX-License-Identifier: MIT
 *
 * caller.c - a library whose constructor and destructor call the host back, so that the host can
 * act from there. Leaves to the host (ways-loader.c, host.c) what to do.
 *
 * Built twice: for start-up (early.so) and for dlopen (caller.so).
 */
extern void IN_CONSTRUCTOR(void);
extern void IN_FINALIZER(void);

__attribute__((constructor)) static void constructed(void)
{
    IN_CONSTRUCTOR();
}

__attribute__((destructor)) static void destructed(void)
{
    IN_FINALIZER();
}
