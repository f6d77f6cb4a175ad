/* SPDX-License-Identifier: MIT
 *
 * sample.c - a library for live_trial.c to open: it has a symbol and does nothing.
 */
extern int fini_sample_value;
int fini_sample_value = 1;
