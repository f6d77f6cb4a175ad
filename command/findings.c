/* SPDX-License-Identifier: MIT
 *
 * findings.c - the table of findings.h as data.
 */
#include "findings.h"

static const struct finding_text texts[FINDING_COUNT] = {
#define FINDINGS_TEXT(name, id, severity, cause, cure) {id, cause, cure, SEVERITY_##severity},
    FINDINGS(FINDINGS_TEXT)
#undef FINDINGS_TEXT
};

const struct finding_text *finding_text(enum finding finding)
{
    return &texts[finding];
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"stays", "may-stay", "danger", "note"};
    return names[severity];
}
