# SPDX-License-Identifier: MIT
#
# protocol.sh - what a shell program needs to speak the runner's protocol. To be sourced; the last
# line of the program is `protocol "$@"`.
#
# Decides: a case is a function `case_NAME`, listed in source order; what follows `#` on its first
# line are the options of the list (timeout=60 slow=1). It passes when it returns; `set -e` holds
# in it. What it prints is for people. $work is a folder of its own that is removed afterwards.
set -eu
LC_ALL=C
export LC_ALL
program=$0
source=$FINI_SOURCE
build=$FINI_BUILD
here=$source/tests/checks
tab=$(printf '\t')

fail() {
    echo "$*" >&2
    exit 1
}

skip() {
    echo "SKIP: $*" >&3
    exit 77
}

# same WHAT GOT EXPECTED
same() {
    [ "$2" = "$3" ] || fail "$1: expected: $3
got: $2"
}

# refused TEXT COMMAND...: the command must fail and say the text.
refused() {
    text=$1
    shift
    if ("$@") >"$work/refused" 2>&1; then
        fail "not refused: $*"
    fi
    grep -qF -e "$text" "$work/refused" || fail "'$text' not said by $*: $(cat "$work/refused")"
}

list_cases() {
    sed -n 's/^case_\([a-z0-9_]*\)()[ {]*#* *\(.*\)$/\1 \2/p' "$program" |
        while read -r name options; do
            printf '%s' "$name"
            for option in $options; do
                printf '\t%s' "$option"
            done
            printf '\n\tdone\n'
        done
}

run_case() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    exec 3>&1 1>&2
    "case_$1"
    echo done >&3
}

protocol() {
    case ${1-} in
    --list) list_cases ;;
    --expect) echo done ;;
    --case) run_case "$2" ;;
    *) fail "usage: $program --list | --case NAME | --expect NAME" ;;
    esac
}
