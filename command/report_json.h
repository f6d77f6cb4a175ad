/* SPDX-License-Identifier: MIT
 *
 * report_json.h - results as JSON.
 */
#ifndef COMMAND_REPORT_JSON_H
#define COMMAND_REPORT_JSON_H

#include "report.h"

extern const struct report report_json;

#endif
