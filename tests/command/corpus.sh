#!/bin/sh
# SPDX-License-Identifier: MIT
#
# corpus.sh FINI TABLE [FOLDER...]: checks and tries libraries, prints a table of agreement, and
# fails when a disagreement is not explained in TABLE. Without a folder: names on standard input.
set -eu
fini=$1
table=$2
shift 2
[ $# -gt 0 ] || set -- -
said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$fini" check --probe --format=json "$@" >"$said" 2>/dev/null || [ $? -le 2 ]

awk -v table="$table" '
    function value(name) {
        if (!match($0, "\"" name "\":\"[^\"]*\"")) return ""
        return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
    }
    BEGIN {
        while ((getline line < table) > 0)
            if (match(line, /^\| `[^`]*`/)) explained[substr(line, 4, RLENGTH - 4)] = 1
    }
    value("verdict") != "" {
        verdict = value("verdict"); probe = value("probe")
        count[verdict "\t" probe]++
        if (probe != "gone" && probe != "stayed") { other++; next }
        if (verdict == "may-stay") { open++; next }
        if ((verdict == "stays") == (probe == "stayed")) { agree++; next }
        path = value("path"); name = path; sub(/.*\//, "", name)
        if (name in explained) { known++; next }
        print "not explained: " path ": " verdict ", " probe
        bad++
    }
    END {
        for (pair in count) print count[pair] "\t" pair | "sort -rn"
        close("sort -rn")
        printf "%d agree, %d may stay, %d disagree as explained, %d not explained, ", agree, open, \
            known, bad
        printf "%d not comparable\n", other
        exit bad > 0 || agree + known == 0
    }' "$said"
