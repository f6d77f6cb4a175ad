/* SPDX-License-Identifier: MIT
 *
 * What the image whose values are measured offers: bench/values.c calls it by name.
 */
#ifndef VALUE_IMAGE_H
#define VALUE_IMAGE_H

enum values_kind { AS_LOCALS, AS_OBJECTS, AS_KEYS, VALUES_KINDS };

/* In a thread that does nothing else, and ends then. */
void values_use(enum values_kind kind);

/* What that was, in nanoseconds a value. */
double values_cost(void);

#endif
