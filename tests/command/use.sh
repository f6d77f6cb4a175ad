#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini as one uses it: help, options, statuses, folders, names on standard input, JSON, colour, and
# files that are no libraries, or damaged.
. "$FINI_SOURCE/tests/command/libraries.sh"

two_libraries() {
    echo 'int one(void) { return 1; }' | library clean
    echo 'int one(void) { return 1; }' | library marked -Wl,-z,nodelete
}

case_help_and_version() # timeout=60
{
    "$fini" --help >"$work/said"
    said 'Usage: fini COMMAND'
    for command in check pin run trace why; do
        said "  $command "
        "$fini" $command --help >"$work/help"
        grep -q "^Usage: fini $command " "$work/help" || fail "no help for $command"
    done
    same version "$("$fini" --version)" \
        "fini $(sed -n 's/^#define FINI_VERSION "\(.*\)"$/\1/p' "$source/include/fini.h")"
}

# misused TEXT ARGUMENT...
misused() {
    text=$1
    shift
    status=0
    "$fini" "$@" >"$work/out" 2>"$work/said" || status=$?
    same "status of fini $*" "$status" 2
    said "$text"
    same "output of fini $*" "$(cat "$work/out")" ''
}

case_misuse() # timeout=60
{
    misused 'no command'
    misused 'no such command' frobnicate
    misused 'unrecognized option' --frobnicate
    misused 'no file' check
    misused '--format is' check --format=xml .
    misused '--color is' check --color=blue .
    misused '--timeout is' check --timeout=0 .
    misused '--timeout is' check --timeout=1x .
    misused 'no file' pin
    misused 'one file' pin a b
    misused 'no process' why
    misused 'PID is a number' why init
    misused 'PID is a number' why 1x
    misused 'PID is a number' why 99999999999
    misused 'one library' why 1 a b
    misused '--format is' why --format=xml 1
    misused '--color is' why --color=blue 1
    misused 'No such file' check "$work/none"
    misused 'no command' run --keep
    misused 'nothing is asked for' run true
    misused 'no command' trace
    misused '--format is' trace --format=xml true
    misused '--color is' trace --color=blue true
    misused '--findings-status is' trace --findings-status=0 true
    misused 'No such file' trace --output="$work/none/file" true
}

case_folders() # timeout=60
{
    two_libraries
    mkdir "$work/folder" "$work/folder/deep"
    cp "$work/marked.so" "$work/folder/deep"
    cp "$work/clean.so" "$work/folder/a.so"
    ln -s a.so "$work/folder/link.so"
    ln -s .. "$work/folder/deep/loop"
    cp "$work/clean.c" "$fini" "$work/folder"
    cc -c "$work/clean.c" -o "$work/folder/clean.o"
    mkfifo "$work/folder/fifo"
    check 1 "$work/folder"
    said '2 files: 1 unload, 0 may stay, 1 stay'
    said '  FINI-E001      1  marked as'
    said 'folder/a.so: unloads'
    said 'folder/deep/marked.so: stays'
    mkdir "$work/empty"
    check 0 "$work/empty"
    same said "$(cat "$work/said")" 'no shared library'
}

case_names_on_standard_input() # timeout=60
{
    two_libraries
    printf '%s\n' "$work/clean.so" "$work/marked.so" | check 1 -
    said '2 files: 1 unload'
    printf '%s\0' "$work/clean.so" | check 0 --null -
    said 'clean.so: unloads'
    check 0 - </dev/null
    # Whoever forgets --null gets no verdict about the first name alone.
    printf '%s\0' "$work/clean.so" "$work/marked.so" >"$work/names"
    check 2 - <"$work/names"
    said 'standard input: names end in zero bytes: --null'
    not_said 'unloads'
    check 2 - </dev/zero
    head -c 1000000 /dev/zero | tr '\0' x >"$work/long"
    check 2 - <"$work/long"
    said 'standard input: a name is too long'
    check 2 - <"$work"
    said 'standard input: Is a directory'
    check 2 - <&-
    said 'standard input: '
}

# What is named and not there has its line in the report, in its place.
case_files_that_are_not_there() # timeout=60
{
    two_libraries
    ln -s nowhere "$work/link.so"
    check 2 "$work/marked.so" "$work/none.so" "$work/link.so" "$work/clean.so"
    said "$work/none.so: No such file or directory"
    said "$work/link.so: No such file or directory"
    said '4 files: 1 unload, 0 may stay, 1 stay, 2 cannot be read'
    "$fini" check --format=json "$work/none.so" >"$work/said" 2>&1 || :
    said "\"path\":\"$work/none.so\",\"error\":\"No such file or directory\"}"
}

# A library in a folder that may not be read is not passed over in silence.
case_unreadable_files() # timeout=60
{
    [ "$(id -u)" = 0 ] || skip 'only root can become another user'
    command -v setpriv >/dev/null || skip 'no setpriv'
    two_libraries
    mkdir "$work/folder"
    cp "$work/marked.so" "$work/folder"
    chmod 000 "$work/folder/marked.so"
    chmod 755 "$work"
    status=0
    setpriv --reuid 65534 --regid 65534 --clear-groups "$fini" check "$work/folder" \
        >"$work/said" 2>&1 || status=$?
    [ "$status" != 126 ] && [ "$status" != 127 ] || skip 'the program cannot be run by others'
    same status "$status" 2
    said 'folder/marked.so: Permission denied'
}

case_quiet() # timeout=60
{
    two_libraries
    check 1 -q "$work/marked.so" "$work/clean.so"
    same said "$(cat "$work/said")" ''
    check 2 --quiet --format=json "$work/clean.c"
    said 'not a shared library'
}

# json PROGRAM-OF-PYTHON: with the report as d.
json() {
    python3 -c "import json,sys; d=json.load(open(sys.argv[1])); $1" "$work/json"
}

case_json() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    two_libraries
    bad=$(printf '%s/b\033[31m\377.so' "$work")
    cp "$work/marked.so" "$bad"
    status=0
    "$fini" check --format=json "$work/clean.so" "$work/clean.c" "$bad" >"$work/json" \
        2>"$work/said" || status=$?
    same status "$status" 2
    json 'assert d["schema"] == "fini-check/1"; a, b, c = d["files"]
assert a["verdict"] == "unloads" and a["format"] == "elf" and a["findings"] == [], a
assert b["error"].startswith("not a shared library") and "verdict" not in b, b
f, = c["findings"]
assert c["verdict"] == "stays" and "\x1b" not in c["path"], c
assert f["id"] == "FINI-E001" and f["severity"] == "stays" and f["total"] == 1, f
assert f["evidence"] == [{"name": "DT_FLAGS_1: NODELETE", "place": ".dynamic"}], f
assert set(f) == {"id", "severity", "cause", "cure", "total", "evidence"}, f'
}

# What docs/fini-json.md and the page say is all there is.
case_documents_name_all_findings() # timeout=60
{
    for id in $(grep -oE 'FINI-E[0-9]+' "$source/command/findings.h"); do
        grep -q "$id" "$source/docs/why-dlclose-does-nothing.md" || fail "not on the page: $id"
    done
    grep -oE '"FINI-E[0-9]+"' "$source/command/findings.h" | sort | uniq -d >"$work/twice"
    same 'given twice' "$(cat "$work/twice")" ''
}

# options COMMAND: the long ones that its help names.
options() {
    "$fini" "$1" --help | grep -oE -- '--[a-z]+(-[a-z]+)*' | sort -u
}

# Manual and completions know each option of the help, and each command has its page.
case_options_are_documented() # timeout=60
{
    for command in check pin run trace why; do
        page=$source/command/man/fini-$command.1
        sed -e 's/Fl Fl /--/g' "$page" >"$work/page"
        for option in $(options $command); do
            for file in "$work/page" "$source/command/completion/fini.bash" \
                "$source/command/completion/_fini"; do
                grep -q -e "$option" "$file" || fail "$file does not name $option of $command"
            done
        done
        grep -qF ".Xr fini-$command 1" "$source/command/man/fini.1" || fail "no page of $command"
    done
}

case_man_pages() # timeout=60
{
    command -v mandoc >/dev/null || skip 'no mandoc'
    mandoc -T lint "$source"/command/man/*.1 >"$work/said" 2>/dev/null || :
    grep -E ': (WARNING|ERROR|UNSUPP):' "$work/said" && fail 'mandoc finds fault' || :
}

# completes WORD... EXPECTED: what bash offers for the last word.
completes() {
    bash -c '. "$1"; shift; expected=$1; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
        _fini; got="${COMPREPLY[*]}"
        [ "$got" = "$expected" ] || { echo "got: $got, expected: $expected" >&2; exit 1; }' \
        bash "$source/command/completion/fini.bash" "$@"
}

case_completion() # timeout=60
{
    command -v bash >/dev/null || skip 'no bash'
    completes 'check' fini ch
    completes '--probe' fini check --pr
    completes '--unpin' fini pin --u
    completes '--no-stop' fini why --no
    completes "$$" fini why "$$"
    completes 'json' fini check --format = j
    completes 'always' fini check -c al
    completes 'trace' fini tr
    completes 'trace-event' fini trace --format = trace
    completes '--findings-status=' fini trace --fi
    completes '--keep' fini run --k
    # Files are left to bash, which knows about blanks in names.
    touch "$work/a b.so" "$work/a c.so"
    for line in check pin 'why 1' 'check -' 'pin --output'; do
        # shellcheck disable=SC2086
        completes '' fini $line "$work/a"
    done
    grep -q '^complete .*-o default' "$source/command/completion/fini.bash" ||
        fail 'nobody completes files'
    command -v zsh >/dev/null || skip 'no zsh for the other half'
    zsh -n "$source/command/completion/_fini"
}

case_colour() # timeout=60
{
    two_libraries
    escape=$(printf '\033')
    "$fini" check --color=always "$work/clean.so" >"$work/said"
    said "$escape[32munloads$escape[0m"
    "$fini" check "$work/clean.so" >"$work/said"
    not_said "$escape"
    command -v script >/dev/null || skip 'no terminal: script is missing'
    TERM=xterm script -qec "'$fini' check '$work/clean.so' '$work/marked.so'" /dev/null \
        >"$work/said" </dev/null || :
    said "$escape[32munloads"
    said '0 of 2: clean.so'
    TERM=xterm script -qec "'$fini' pin --unpin '$work/clean.so'" /dev/null >"$work/said" \
        </dev/null
    said "$escape[1m$work/clean.so$escape[0m: already not pinned"
    NO_COLOR=1 TERM=xterm script -qec "'$fini' check '$work/clean.so'" /dev/null >"$work/said" \
        </dev/null
    not_said "$escape[32m"
}

# What a terminal would obey does not get there.
case_names_are_cleaned() # timeout=60
{
    two_libraries
    bad=$(printf '%s/a\033]0;x\007.so' "$work")
    cp "$work/clean.so" "$bad"
    check 0 "$bad"
    said 'a?]0;x?.so: unloads'
}

case_why_where_children_are_ignored() # timeout=60
{
    sleep 50 &
    "$fini" why $! >"$work/expected"
    ignoring "$fini" why $! >"$work/said"
    kill $!
    same lines "$(wc -l <"$work/said")" "$(wc -l <"$work/expected")"
}

case_a_full_disk_is_an_error() # timeout=60
{
    two_libraries
    status=0
    "$fini" check "$work/clean.so" >/dev/full 2>"$work/said" || status=$?
    same status "$status" 2
    said 'standard output'
}

case_no_library() # timeout=60
{
    two_libraries
    cc -c "$work/clean.c" -o "$work/clean.o"
    ar rc "$work/clean.a" "$work/clean.o"
    : >"$work/empty"
    objcopy --only-keep-debug "$work/clean.so" "$work/clean.debug"
    for file in clean.c clean.o clean.a clean.debug empty; do
        check 2 "$work/$file"
        said "$file: not a shared library"
        same lines "$(wc -l <"$work/said" | tr -d ' ')" 1
    done
    check 2 "$fini"
    said 'a program'
    check 2 /dev/null
    said 'not a file'
    mkfifo "$work/fifo"
    check 2 "$work/fifo"
}

# Cut off at each of many places: one clear line, or a verdict where nothing needed is missing.
case_truncated() # timeout=120
{
    two_libraries
    size=$(wc -c <"$work/marked.so")
    at=1
    while [ "$at" -lt "$size" ]; do
        head -c "$at" "$work/marked.so" >"$work/cut.so"
        status=0
        "$fini" check "$work/cut.so" >"$work/said" 2>&1 || status=$?
        case $status in
        1) said 'FINI-E001' ;;
        2) same lines "$(wc -l <"$work/said" | tr -d ' ')" 1 ;;
        *) fail "status $status at $at: $(cat "$work/said")" ;;
        esac
        at=$((at + at / 8 + 1))
    done
}

# preloaded BODY: fini with an elf_memory of this body, in place of libelf's.
preloaded() {
    {
        printf '#include <%s.h>\n' signal stdlib string sys/resource unistd
        echo "void *elf_memory(char *image, size_t size) { $1; return 0; }"
    } | library false_libelf
    two_libraries
    status=0
    LD_PRELOAD=$work/false_libelf.so "$fini" check --color=never "$work/marked.so" \
        >"$work/said" 2>&1 || status=$?
    same status "$status" 2
    same lines "$(wc -l <"$work/said" | tr -d ' ')" 1
}

# A file on which a library that reads it fails costs one line.
case_a_reader_that_fails() # timeout=60
{
    preloaded '*(volatile int *)8 = 1'
    said 'whoever reads it crashes (Segmentation fault)'
    preloaded 'exit(0)'
    said 'whoever reads it crashes'
    preloaded 'abort()'
    said 'whoever reads it crashes (Aborted)'
    preloaded 'struct rlimit r; getrlimit(RLIMIT_CPU, &r);
        if (r.rlim_cur < 60) raise(SIGXCPU)'
    said 'takes more than'
    preloaded 'if (malloc(2ul << 30)) abort()'
    said 'not a whole ELF header'
}

# A file that says it has more of everything than there is.
case_lies() # timeout=60
{
    two_libraries
    for place in 32 40 54 56 58 60 62; do
        cp "$work/marked.so" "$work/lie.so"
        printf '\377\377' | dd of="$work/lie.so" bs=1 seek=$place conv=notrunc 2>/dev/null
        status=0
        "$fini" check "$work/lie.so" >"$work/said" 2>&1 || status=$?
        [ "$status" = 1 ] || [ "$status" = 2 ] || fail "status $status at $place"
        not_said 'crashes'
    done
}

protocol "$@"
