#!/bin/sh
# SPDX-License-Identifier: MIT
#
# side-by-side.sh ANSWERS.tsv... > TABLE.md: what several systems have answered, one table a theme.
#
# Answers that are the same as the first system's are left out, so that the others are seen.
exec awk -F'\t' '
    $1 == "# system" { system_name[++systems] = $2 }
    /^#/ { next }
    !($1 in question) { id[++ids] = $1; question[$1] = $4; depends[$1] = $3 }
    { answer[systems, $1] = $2 }
    function title(theme,   i) {
        printf "\n| %s |", theme
        for (i = 1; i <= systems; i++)
            printf " %s |", system_name[i]
        printf " question |\n|---|"
        for (i = 1; i <= systems; i++)
            printf "---|"
        print "---|"
    }
    function shown(i, name) {
        if (!((i, name) in answer))
            return "?"
        return i > 1 && answer[i, name] == answer[1, name] ? "=" : answer[i, name]
    }
    END {
        for (n = 1; n <= ids; n++) {
            theme = id[n]
            sub(/\..*/, "", theme)
            if (theme != last)
                title(theme)
            last = theme
            rest = substr(id[n], length(theme) + 2)
            printf "| `%s` |", rest
            for (i = 1; i <= systems; i++)
                printf " %s |", shown(i, id[n])
            note = depends[id[n]] == "libc" ? "" : " (" depends[id[n]] ")"
            printf " %s%s |\n", question[id[n]], note
        }
    }' "$@"
