/* SPDX-License-Identifier: MIT
 *
 * sample_user.c - a library for live_trial.c to open: it binds the symbol of sample.c, and does not
 * say that it needs it.
 */
extern int fini_sample_value;
int *fini_sample_user(void);

int *fini_sample_user(void)
{
    return &fini_sample_value;
}
