/* SPDX-License-Identifier: MIT
 *
 * The readers of ELF, PE and Mach-O over files that lie.
 *
 * Input: a file. Its memory is exactly as long, so that the address sanitizer sees every stray
 * access. Decides: that the answer is one that can be shown, and the same when asked again.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void look_at(const struct image *image)
{
    if (image->format > FORMAT_MACHO || image->kind > KIND_OTHER ||
        !memchr(image->error, 0, ERROR_SIZE))
        abort();
    for (int i = 0; i < FINDING_COUNT; i++)
        for (int j = 0; j < EVIDENCE_MOST; j++)
            if (!memchr(image->found[i].evidence[j].name, 0, NAME_SIZE) ||
                !memchr(image->found[i].evidence[j].place, 0, PLACE_SIZE))
                abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct image first, second;
    unsigned char *memory = malloc(size + !size);
    if (!memory)
        return 0;
    memcpy(memory, data, size);
    image_read(memory, size, NULL, &first);
    look_at(&first);
    memcpy(memory, data, size);
    image_read(memory, size, NULL, &second);
    if (memcmp(&first, &second, sizeof first) != 0)
        abort();
    image_read(memory, size, "./fuzzed", &second); /* with what it needs of this system */
    look_at(&second);
    free(memory);
    return 0;
}
