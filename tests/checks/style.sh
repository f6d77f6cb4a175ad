#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What every file of the project looks like: short functions, short lines, a licence line, and
# none of the marks of unfinished or of one machine's work.
. "$FINI_SOURCE/tests/checks/protocol.sh"

# files DIR: what is kept, or what is there where there is no history.
files() {
    (cd "$1" && { git ls-files 2>/dev/null || find . -type f | sed 's|^\./||'; }) |
        while read -r file; do
            if [ -f "$1/$file" ]; then
                echo "$1/$file"
            fi
        done | sort
}

files_named() {
    files "$1" | grep -E "$2" || :
}

# check_lengths DIR PATTERN MEDIAN NINTH MOST: lengths of functions in files of the pattern.
check_lengths() {
    files_named "$1" "$2" >"$work/files"
    [ -s "$work/files" ] || return 0
    xargs awk -f "$here/functions.awk" <"$work/files" | sort -n >"$work/lengths"
    awk -v median="$3" -v ninth="$4" -v most="$5" '
        { length_of[NR] = $1; line[NR] = $0 }
        END {
            m = length_of[int((NR + 1) / 2)]
            n = length_of[int((NR * 9 + 9) / 10)]
            print NR " functions, half <= " m ", 9 in 10 <= " n ", the longest " line[NR]
            if (m > median) print "the median is too long"
            if (n > ninth) print "the ninth tenth is too long"
            if (length_of[NR] > most) print "a function is too long"
            exit m > median || n > ninth || length_of[NR] > most
        }' "$work/lengths" >&2
}

# none_in REASON PATTERN LIST: no file of the list has a line that matches.
none_in() {
    if xargs grep -nE -e "$2" /dev/null <"$3" >&2; then
        fail "$1"
    fi
}

check_lines() {
    files_named "$1" '\.(c|h|hpp|cpp|rs|sh|build|awk|in)$' >"$work/files"
    none_in 'a line is longer than 100' '^.{101}' "$work/files"
    none_in 'a line ends in a blank' '[ 	]$' "$work/files"
    files_named "$1" '\.(c|h|hpp|cpp|rs)$' >"$work/files"
    none_in 'a tab' '	' "$work/files"
}

check_licence() {
    files_named "$1" '\.(c|h|hpp|cpp|rs|sh|build|awk|in)$|/Makefile$|/\.ci/run$' >"$work/files"
    while read -r file; do
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || fail "no licence line: $file"
    done <"$work/files"
}

# The words are put together here so that this file is not found.
check_words() {
    files "$1" >"$work/files"
    none_in 'a forbidden word' "(^|[^A-Za-z0-9_])(TO""DO|FIX""ME|X""XX|HA""CK)([^A-Za-z0-9_]|\$)" \
        "$work/files"
    none_in 'a path of one machine' \
        "(^|[^A-Za-z0-9_.~)}\$-])/(ho""me|ro""ot|wo""rk|tm""p|Us""ers)/" "$work/files"
}

# What a merge that was never finished leaves.
check_merged() {
    files "$1" >"$work/files"
    none_in 'a conflict of a merge' '^(<{7}|>{7}|[|]{7})( |$)' "$work/files"
}

# A small project with one file, which has the text.
project_with() {
    rm -rf "$work/project"
    mkdir -p "$work/project/src"
    { echo '/* SPDX-License-Identifier: MIT */'; cat; } >"$work/project/src/$1"
}

function_of() {
    echo 'int f(void)'
    echo '{'
    seq "$1" | sed 's|.*|    g();|'
    echo '}'
}

case_functions_of_the_library() # timeout=240
{
    check_lengths "$source" '/(src|include)/.*\.[ch]$' 8 40 80
}

case_functions_of_the_command() # timeout=240
{
    check_lengths "$source" "$source/command/.*\\.[ch]\$" 8 40 80
}

case_functions_of_tests_and_demo() # timeout=240
{
    check_lengths "$source" '/(tests|demo|conformance)/.*\.[ch]$' 12 40 80
}

case_lines() # timeout=240
{
    check_lines "$source"
}

case_licence() # timeout=240
{
    check_licence "$source"
}

case_words() # timeout=240
{
    check_words "$source"
}

case_merged() # timeout=240
{
    check_merged "$source"
}

case_violations_are_caught() # timeout=240
{
    function_of 79 | project_with a.c
    refused 'a function is too long' check_lengths "$work/project" '\.c$' 100 100 80
    function_of 39 | project_with a.c
    refused 'the ninth tenth is too long' check_lengths "$work/project" '\.c$' 100 40 80
    function_of 7 | project_with a.c
    refused 'the median is too long' check_lengths "$work/project" '\.c$' 8 40 80
    function_of 6 | project_with a.c
    check_lengths "$work/project" '\.c$' 8 40 80
    for mark in '<<<<<''<< HEAD' '>>>>>''>> other'; do
        echo "$mark" | project_with a.c
        refused 'a conflict of a merge' check_merged "$work/project"
    done
    printf '/*%0100d*/\n' 0 | project_with a.c
    refused 'a line is longer' check_lines "$work/project"
    printf 'int a; \n' | project_with a.c
    refused 'a line ends in a blank' check_lines "$work/project"
    for word in TO""DO FIX""ME X""XX HA""CK; do
        echo "/* $word: later */" | project_with a.c
        refused 'a forbidden word' check_words "$work/project"
    done
    for path in ho""me/someone tm""p/file wo""rk/main; do
        echo "char *path = \"/$path\";" | project_with a.c
        refused 'a path of one machine' check_words "$work/project"
    done
    echo 'mkstemp("file-X''X''X''X''X''X"); /proc/self /usr/local $HOME/tmp/a' | project_with a.c
    check_words "$work/project"
    check_licence "$work/project"
    echo 'int a;' >"$work/project/src/b.c"
    refused 'no licence line' check_licence "$work/project"
}

protocol "$@"
