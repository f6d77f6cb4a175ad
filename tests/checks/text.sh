#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The documents: they are there, their links lead somewhere, their example works, and the test
# command that they name is the one that is run.
. "$FINI_SOURCE/tests/checks/protocol.sh"

check_documents() {
    for name in README.md DESIGN.md PLATFORMS.md CONTRIBUTING.md NEWS.md SECURITY.md LICENSE; do
        [ -s "$1/$name" ] || fail "missing: $name"
    done
}

documents() {
    find "$1" -name '*.md' -not -path '*/build/*' -not -path '*/.git/*'
}

# The targets of [text](target) and [text]: target outside of code blocks.
links() {
    awk '/^ *```/ { code = !code } !code' "$1" | sed 's/`[^`]*`//g' |
        grep -oE '\]\([^) ]+|^\[[^]]+\]: *[^ ]+' | sed -e 's/^\](//' -e 's/^\[.*\]: *//' || :
}

# What an editor's page makes of a heading.
anchors() {
    sed -n 's/^##* *//p' "$1" | tr '[:upper:]' '[:lower:]' | sed -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

check_link() {
    case $2 in
    *://* | mailto:*) return 0 ;;
    '#'*) target=$1 ;;
    *) target=${1%/*}/${2%%#*} ;;
    esac
    [ -e "$target" ] || fail "$1: leads nowhere: $2"
    case $target$2 in
    *.md*'#'*) anchors "$target" | grep -qxF -e "${2#*#}" || fail "$1: no such heading: $2" ;;
    esac
}

check_links() {
    documents "$1" >"$work/documents"
    while read -r document; do
        links "$document" >"$work/links"
        while read -r link; do
            check_link "$document" "$link"
        done <"$work/links"
    done <"$work/documents"
}

# The lines of .ci/run that do something, but for where it stands.
commands() {
    sed -e '/^#/d' -e '/^ *$/d' -e '/^set -[eu]*$/d' -e '/^cd "\$(dirname "\$0")\/\.\."$/d' "$1"
}

# A command stands alone on its line of a code block, or before two blanks or # and what it does.
in_code_block() {
    awk '/^```/ { code = !code; next }
        code || sub(/^    /, "") { sub(/^\$ /, ""); sub(/(  | *#).*/, ""); print }' "$1" |
        grep -qxF -e "$2"
}

check_ci() {
    commands "$1/.ci/run" >"$work/commands"
    same 'number of commands' "$(wc -l <"$work/commands" | tr -d ' ')" 1
    in_code_block "$1/README.md" "$(cat "$work/commands")" ||
        fail "README.md does not name: $(cat "$work/commands")"
}

needs_readme() {
    [ -f "$source/README.md" ] || skip 'there is no README.md yet'
}

case_documents_are_there() # timeout=240
{
    check_documents "$source"
}

case_links_lead_somewhere() # timeout=240
{
    check_links "$source"
}

case_ci_runs_the_test_command() # timeout=240
{
    needs_readme
    check_ci "$source"
}

first_example() {
    awk '/^```c$/ { code = 1; next } /^```/ && code { exit } code' "$1"
}

# As it stands: nothing is added, and it says something when it is unloaded or at exit.
case_readme_example() # timeout=240
{
    needs_readme
    first_example "$source/README.md" >"$work/example.c"
    [ -s "$work/example.c" ] || fail 'README.md has no example in C'
    cc "$here/load.c" -o "$work/load" -ldl
    for compiler in gcc clang; do
        "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -fPIC -I"$build/amalgamation" \
            -c "$work/example.c" -o "$work/example.o"
        "$compiler" -shared -fPIC "$work/example.o" "$build/amalgamation/fini.c" \
            -o "$work/example.so"
        FINI_TRACE=1 "$work/load" "$work/example.so" >"$work/said" 2>&1
        grep -qE 'example\.so: unload, thread [0-9]+, hooks run [1-9]' "$work/said" ||
            fail "no hook at unload: $(cat "$work/said")"
        FINI_TRACE=1 "$work/load" -x "$work/example.so" >"$work/said" 2>&1
        grep -qE 'example\.so: exit, thread' "$work/said" ||
            fail "not finalized at exit: $(cat "$work/said")"
    done
}

# A project with a README of these lines.
readme() {
    mkdir -p "$work/project/.ci"
    cp "$source/.ci/run" "$work/project/.ci"
    printf '%s\n' '# A title, and more' "$@" >"$work/project/README.md"
}

case_violations_are_caught() # timeout=240
{
    readme '[there](README.md) [up](#a-title-and-more) [far](https://example.org/x)' '```' \
        '$ make check   # all' '```' '`[no](link)`'
    check_links "$work/project"
    check_ci "$work/project"
    refused 'missing: DESIGN.md' check_documents "$work/project"
    readme '[gone](gone.md)'
    refused 'leads nowhere: gone.md' check_links "$work/project"
    readme '[x]: src/gone.c'
    refused 'leads nowhere: src/gone.c' check_links "$work/project"
    readme '[gone](#gone)'
    refused 'no such heading' check_links "$work/project"
    readme '    make check    runs all'
    check_ci "$work/project"
    readme 'make check' '    make checks' '    make check all'
    refused 'does not name: make check' check_ci "$work/project"
    echo 'true' >>"$work/project/.ci/run"
    refused 'number of commands' check_ci "$work/project"
}

protocol "$@"
