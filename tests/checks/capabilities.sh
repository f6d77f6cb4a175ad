#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The tables of PLATFORMS.md are made of what the platform files say of themselves.
. "$FINI_SOURCE/tests/checks/protocol.sh"

# marks DIR: the names of the files that each table is of, a line a table.
marks() {
    sed -n 's|^<!-- tools/capabilities.sh: \(.*\) -->$|\1|p' "$1/PLATFORMS.md"
}

# kept DIR NAMES: the table behind that mark.
kept() {
    awk -v mark="<!-- tools/capabilities.sh: $2 -->" '
        $0 == mark { inside = 1; next }
        inside && !/^\|/ { exit }
        inside' "$1/PLATFORMS.md"
}

# made DIR NAMES
made() {
    tool=$1/tools/capabilities.sh
    folder=$1/src/platform
    set -- $2
    for name; do
        shift
        set -- "$@" "$folder/$name.c"
    done
    sh "$tool" "$@"
}

check_tables() {
    marks "$1" >"$work/marks"
    [ -s "$work/marks" ] || fail 'no table is marked'
    while read -r names; do
        kept "$1" "$names" >"$work/kept"
        made "$1" "$names" >"$work/made"
        diff "$work/kept" "$work/made" >&2 || fail 'PLATFORMS.md says otherwise'
    done <"$work/marks"
}

# Each platform that can be chosen is in one of them.
check_all_are_there() {
    sed -n 's/^#define FINI_PLATFORM_\([A-Z]*\) 1$/\1/p' "$1/src/platform/select.h" |
        tr '[:upper:]' '[:lower:]' | sort -u >"$work/chosen"
    marks "$1" | tr ' ' '\n' | sort -u >"$work/shown"
    diff "$work/chosen" "$work/shown" >&2 || fail 'not all platforms are shown'
}

project() {
    rm -rf "$work/project"
    mkdir -p "$work/project/src"
    cp -R "$source/src/platform" "$work/project/src"
    cp -R "$source/tools" "$source/PLATFORMS.md" "$work/project"
}

# change FILE COMMAND-OF-SED: in a copy.
change() {
    project
    sed "$2" "$work/project/$1" >"$work/changed"
    cmp -s "$work/changed" "$work/project/$1" && fail "changes nothing: $2"
    mv "$work/changed" "$work/project/$1"
}

case_tables() # timeout=240
{
    check_tables "$source"
    check_all_are_there "$source"
}

case_violations_are_caught() # timeout=240
{
    project
    check_tables "$work/project"
    change src/platform/none.c 's/tells unload from exit | no/tells unload from exit | yes/'
    refused 'PLATFORMS.md says otherwise' check_tables "$work/project"
    change PLATFORMS.md 's/^| workers | yes/| workers | no/'
    refused 'PLATFORMS.md says otherwise' check_tables "$work/project"
    change src/platform/macos.c '/^ \*   workers |/d'
    refused 'workers' check_tables "$work/project"
    change src/platform/musl.c '/^ \*   gates |/d'
    refused 'rows, not' check_tables "$work/project"
    change src/platform/bionic.c 's/^ \*   workers |/ *   threads |/'
    refused '"threads", not "workers"' check_tables "$work/project"
    change src/platform/select.h 's/^#define FINI_PLATFORM_MUSL 1$/&\
#define FINI_PLATFORM_OTHER 1/'
    refused 'not all platforms are shown' check_all_are_there "$work/project"
    change PLATFORMS.md '/capabilities.sh/d'
    refused 'no table is marked' check_tables "$work/project"
}

protocol "$@"
