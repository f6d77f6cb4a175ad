/* SPDX-License-Identifier: MIT
 *
 * The text of each error. Decides nothing: the table is FINI_ERRORS in fini.h.
 */
#include "core.h"

const char *fini_strerror(int error)
{
#define FINI__ERROR_TEXT(name, value, text) \
    case name:                              \
        return text;
    switch (error) {
        FINI_ERRORS(FINI__ERROR_TEXT)
    default:
        return "unknown error";
    }
#undef FINI__ERROR_TEXT
}
