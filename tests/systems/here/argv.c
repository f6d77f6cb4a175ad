/* SPDX-License-Identifier: MIT
 *
 * What crt1 of illumos leaves in a program. The program's own constructors run after libc has
 * registered the loader's finalizer.
 */
char **___Argv;

__attribute__((constructor)) static void note(int argc, char **argv)
{
    (void)argc;
    ___Argv = argv;
}
