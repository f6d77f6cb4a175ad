/* SPDX-License-Identifier: MIT
 *
 * fini pin over files that lie.
 *
 * Decides: that a refusal changes nothing, that a change is small and inside the file, that what is
 * pinned is so when asked again, and that taking it back gives no more than the mark away.
 */
#include <stdlib.h>
#include <string.h>

#include "pin.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static size_t changes(const unsigned char *a, const unsigned char *b, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += a[i] != b[i];
    return count;
}

static void pin(unsigned char *bytes, const unsigned char *data, size_t size)
{
    enum pin_change change = PIN_SAME;
    const char *error = pin_elf(bytes, size, true, &change);
    size_t changed = changes(bytes, data, size);
    if (error ? changed != 0 : (change == PIN_CHANGED) != (changed != 0) || changed > 16)
        abort();
    if (error)
        return;
    if (pin_elf(bytes, size, true, &change) || change != PIN_SAME)
        abort();
    if (pin_elf(bytes, size, false, &change) || change != PIN_CHANGED)
        abort();
    if (pin_elf(bytes, size, false, &change) || change != PIN_SAME)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    unsigned char *bytes = malloc(size + !size);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    pin(bytes, data, size);
    free(bytes);
    return 0;
}
