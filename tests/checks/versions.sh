#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Two versions of libfini in one process, with different structs and different code, never meet.
. "$FINI_SOURCE/tests/checks/protocol.sh"

# change FILE SCRIPT: an edit that finds nothing to edit is an error.
change() {
    sed "$2" "$1" >"$1.new"
    ! cmp -s "$1" "$1.new" || fail "nothing changed: $2"
    mv "$1.new" "$1"
}

# The other version: hooks are laid out differently, and reasons have other names.
prepare() {
    cd "$work"
    cc "$here/load.c" -o load -ldl
    mkdir one two
    for folder in one two; do
        cp "$build/amalgamation/fini.c" "$build/amalgamation/fini.h" $folder
        cp "$here/kept.c" $folder/kept.c
    done
    change two/fini.h 's/^#define FINI_VERSION .*/#define FINI_VERSION "99.0.0"/'
    change two/fini.h 's/^    unsigned fini__state;/    _Alignas(64) unsigned fini__state;/'
    change two/fini.c 's/"unload", "unload at exit", "exit"/"gone", "gone at exit", "over"/'
}

# plugin NAME [OPTION...]
plugin() {
    name=$1
    shift
    "${compiler:-cc}" -O2 -shared -fPIC -fvisibility=default -DADDS -DNAME="\"$name\"" "$@" \
        "$name/kept.c" "$name/fini.c" -o "$name.so"
}

hooks_of() {
    printf "$1 %s: $2\n" added fourth third second first
    echo closed
}

both_at_unload() {
    ./load -g "$work/one.so" "$work/two.so" >said
    same 'one, two' "$(cat said)" "$(hooks_of one unload && hooks_of two gone)"
    ./load -g "$work/two.so" "$work/one.so" >said
    same 'two, one' "$(cat said)" "$(hooks_of two gone && hooks_of one unload)"
}

# At exit the order of the two is the loader's.
both_at_exit() {
    ./load -g -x "$work/one.so" "$work/two.so" | sort >said
    {
        printf 'one %s: exit\n' added first first fourth third
        printf 'two %s: over\n' added first first fourth third
    } >expected
    same exit "$(cat said)" "$(cat expected)"
}

case_two_plugins() # timeout=240
{
    prepare
    plugin one
    plugin two
    both_at_unload
    both_at_exit
}

case_two_plugins_with_clang_and_lto() # timeout=240
{
    prepare
    compiler=clang
    plugin one -fuse-ld=lld -flto
    compiler=gcc
    plugin two -flto
    both_at_unload
    both_at_exit
}

# A program that embeds one version, and exports all it can, opens a plugin with the other.
case_program_and_plugin() # timeout=240
{
    prepare
    plugin two
    cc -O2 -rdynamic -DADDS -DNAME='"one"' -Ione "$here/load.c" one/kept.c one/fini.c -o load -ldl
    ./load -g "$work/two.so" >said
    {
        hooks_of two gone
        printf 'one %s: exit\n' added fourth first third first
    } >expected
    same said "$(cat said)" "$(cat expected)"
}

# The control: where libfini's names are not hidden, the two do meet, and it shows.
case_without_hiding_they_meet() # timeout=240
{
    prepare
    for folder in one two; do
        change $folder/fini.h 's/__attribute__((visibility("hidden")))//'
    done
    plugin one
    plugin two
    refused 'expected' both_at_unload
}

protocol "$@"
