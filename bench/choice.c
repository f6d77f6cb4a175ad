/* SPDX-License-Identifier: MIT
 *
 * C: what other designs would cost: libgcc's unwinder in place of a reader of our own, an exit mark
 * for each image in place of one a process.
 *
 * Decides: nothing is compared but the part in question: these images have no libfini, only a
 * finalizer that does that part.
 * Leaves to others: how it is measured (cycle.c), the images (image.c).
 */
#include "bench.h"

static void unwinders(void)
{
    compare_cycles("bench-unwinder.so", (struct row){
        "C", "dlopen + dlclose with libgcc's unwinder : without", NO_GOAL, "us"});
    compare_first("bench-unwinder.so", (struct row){
        "C", "the same, the first in a process", NO_GOAL, "us"});
    open_image("libgcc_s.so.1");
    compare_cycles("bench-unwinder.so", (struct row){
        "C", "the same where the host has libgcc_s loaded", NO_GOAL, "us"});
}

static void marks(void)
{
    compare_cycles("bench-mark.so", (struct row){
        "C", "dlopen + dlclose with a mark for each image : without", NO_GOAL, "us"});
    compare_tenths("bench-mark.so", 20000,
                   (struct row){"C", "20,000 reloads with such a mark: growth", NO_GOAL, "bytes"},
                   (struct row){"C", "the same: time of the last tenth : the first", NO_GOAL,
                                "of plain"});
}

void bench_choice(void)
{
    unwinders();
    marks();
}
