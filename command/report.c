/* SPDX-License-Identifier: MIT
 *
 * report.c - results as text, and the choice between forms. JSON is in report_json.c.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "report_json.h"
#include "text.h"

static void show_error(const struct result *result)
{
    text_error(result->path, "%s", result->image->error);
}

static void nothing(void)
{
}

static void nothing_at_end(const struct totals *totals)
{
    (void)totals;
}

static void errors_only(const struct result *result)
{
    if (result->image->error[0])
        show_error(result);
}

static enum colour verdict_colour(enum verdict verdict)
{
    static const enum colour colours[] = {COLOUR_GOOD, COLOUR_DOUBTFUL, COLOUR_BAD};
    return colours[verdict];
}

static enum colour severity_colour(enum severity severity)
{
    static const enum colour colours[] = {COLOUR_BAD, COLOUR_DOUBTFUL, COLOUR_DOUBTFUL,
                                          COLOUR_FAINT};
    return colours[severity];
}

static const char *verdict_text(enum verdict verdict)
{
    static const char *const texts[] = {"unloads", "may stay", "stays"};
    return texts[verdict];
}

static void show_evidence(const struct found *found)
{
    size_t shown = found->total < EVIDENCE_MOST ? found->total : EVIDENCE_MOST;
    for (size_t i = 0; i < shown; i++) {
        fputs("      ", stdout);
        text_print(COLOUR_NONE, found->evidence[i].name);
        if (found->evidence[i].place[0]) {
            fputs("  ", stdout);
            text_print(COLOUR_FAINT, found->evidence[i].place);
        }
        putchar('\n');
    }
    if (found->total > shown)
        printf("      and %zu more\n", found->total - shown);
}

static void show_finding(enum finding finding, const struct found *found)
{
    const struct finding_text *text = finding_text(finding);
    fputs("  ", stdout);
    text_print(severity_colour(text->severity), text->id);
    fputs("  ", stdout);
    text_print(COLOUR_NONE, text->cause);
    putchar('\n');
    show_evidence(found);
    if (strcmp(text->cure, "none") != 0) {
        fputs("      cure: ", stdout);
        text_print(COLOUR_NONE, text->cure);
        putchar('\n');
    }
}

enum verdict result_verdict(const struct result *result)
{
    switch (result->probe) {
    case PROBE_GONE: return VERDICT_UNLOADS;
    case PROBE_STAYS:
    case PROBE_AT_STARTUP: return VERDICT_STAYS;
    default: return image_verdict(result->image);
    }
}

static void show_verdict(const struct result *result)
{
    enum verdict read = image_verdict(result->image), verdict = result_verdict(result);
    bool does_harm = result->probe >= PROBE_CRASH && result->probe <= PROBE_EXIT;
    text_print(does_harm ? COLOUR_BAD : verdict_colour(verdict), verdict_text(verdict));
    if (result->probe == PROBE_UNKNOWN)
        return;
    printf(" (tried: %s", probe_outcome_name(result->probe));
    if (read != verdict)
        printf("; as it was read, it %s", verdict_text(read));
    putchar(')');
}

static void show_file(const struct result *result)
{
    if (result->image->error[0]) {
        show_error(result);
        return;
    }
    text_print(COLOUR_STRONG, result->path);
    fputs(": ", stdout);
    show_verdict(result);
    putchar('\n');
    for (int i = 0; i < FINDING_COUNT; i++)
        if (result->image->found[i].total)
            show_finding((enum finding)i, &result->image->found[i]);
}

static void show_finding_total(enum finding finding, size_t files)
{
    const struct finding_text *text = finding_text(finding);
    fputs("  ", stdout);
    text_print(severity_colour(text->severity), text->id);
    printf("  %5zu  %s\n", files, text->cause);
}

static void show_totals(const struct totals *totals)
{
    if (totals->files == 0)
        puts("no shared library");
    if (totals->files < 2)
        return;
    printf("%zu files: %zu unload, %zu may stay, %zu stay", totals->files,
           totals->verdict[VERDICT_UNLOADS], totals->verdict[VERDICT_MAY_STAY],
           totals->verdict[VERDICT_STAYS]);
    if (totals->failed)
        printf(", %zu cannot be read", totals->failed);
    putchar('\n');
    for (int i = 0; i < FINDING_COUNT; i++)
        if (totals->found[i])
            show_finding_total((enum finding)i, totals->found[i]);
}

const struct report *report_find(const char *format, bool quiet)
{
    static const struct report text = {nothing, show_file, show_totals};
    static const struct report silent = {nothing, errors_only, nothing_at_end};
    bool is_text = strcmp(format, "text") == 0;
    if (!is_text && strcmp(format, "json") != 0)
        return NULL;
    return quiet ? &silent : is_text ? &text : &report_json;
}
