/* SPDX-License-Identifier: MIT
 *
 * report_json.c - results as JSON, one file at a time, so that a folder of any size needs little
 * memory. Errors are in it, and on standard error as well.
 */
#include "report_json.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static size_t shown;

/* JSON is UTF-8. */
static void put_text(json_object *object, const char *key, const char *text)
{
    char *copy = strdup(text);
    if (copy)
        text_clean(copy);
    json_object_object_add(object, key, copy ? json_object_new_string(copy) : NULL);
    free(copy);
}

static json_object *evidence(const struct found *found)
{
    json_object *list = json_object_new_array();
    for (size_t i = 0; i < found->total && i < EVIDENCE_MOST; i++) {
        json_object *one = json_object_new_object();
        put_text(one, "name", found->evidence[i].name);
        if (found->evidence[i].place[0])
            put_text(one, "place", found->evidence[i].place);
        json_object_array_add(list, one);
    }
    return list;
}

static json_object *finding(enum finding number, const struct found *found)
{
    const struct finding_text *text = finding_text(number);
    json_object *one = json_object_new_object();
    put_text(one, "id", text->id);
    put_text(one, "severity", severity_name(text->severity));
    put_text(one, "cause", text->cause);
    put_text(one, "cure", text->cure);
    json_object_object_add(one, "total", json_object_new_uint64(found->total));
    json_object_object_add(one, "evidence", evidence(found));
    return one;
}

static json_object *findings(const struct image *image)
{
    json_object *list = json_object_new_array();
    for (int i = 0; i < FINDING_COUNT; i++)
        if (image->found[i].total)
            json_object_array_add(list, finding((enum finding)i, &image->found[i]));
    return list;
}

static json_object *file_object(const struct result *result)
{
    json_object *file = json_object_new_object();
    put_text(file, "path", result->path);
    if (result->image->error[0]) {
        put_text(file, "error", result->image->error);
        return file;
    }
    put_text(file, "format", image_format_name(result->image->format));
    put_text(file, "verdict", verdict_name(image_verdict(result->image)));
    if (result->probe != PROBE_UNKNOWN)
        put_text(file, "probe", probe_outcome_name(result->probe));
    json_object_object_add(file, "findings", findings(result->image));
    return file;
}

static void begin(void)
{
    shown = 0;
    fputs("{\"schema\":\"fini-check/1\",\"files\":[", stdout);
}

static void show(const struct result *result)
{
    json_object *file = file_object(result);
    if (result->image->error[0])
        text_error(result->path, "%s", result->image->error);
    printf("%s\n%s", shown++ ? "," : "", json_object_to_json_string_ext(file,
           JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(file);
}

static void end(const struct totals *totals)
{
    (void)totals;
    fputs("\n]}\n", stdout);
}

const struct report report_json = {begin, show, end};
