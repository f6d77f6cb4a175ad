#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini.h alone, in every C and C++ that it promises, and what its macros refuse.
. "$FINI_SOURCE/tests/checks/protocol.sh"

warnings='-Wall -Wextra -Wpedantic -Werror'
shadow='-Wshadow -Wstrict-prototypes -Wmissing-declarations -Wconversion -Wundef'

# compiles COMPILER LANGUAGE STANDARD [OPTION...]
compiles() {
    compiler=$1
    language=$2
    standard=$3
    shift 3
    # shellcheck disable=SC2086
    "$compiler" -x "$language" -std="$standard" $warnings -I"$source/include" -fPIC "$@" \
        -c "$here/header/uses.c" -o "$work/uses.o"
}

in_all_standards() {
    for standard in c99 c11 c17 gnu17; do
        compiles "$1" c "$standard"
    done
    for standard in c++11 c++17 c++20 gnu++20; do
        compiles "$1" c++ "$standard"
    done
}

case_gcc() # timeout=240
{
    in_all_standards gcc
}

case_clang() # timeout=240
{
    in_all_standards clang
}

# As the first header of all, and twice.
case_alone() # timeout=240
{
    printf '#include "fini.h"\n#include "fini.h"\nint unused;\n' >"$work/alone.c"
    for compiler in gcc clang; do
        # shellcheck disable=SC2086
        $compiler -std=c99 $warnings $shadow -I"$source/include" -fsyntax-only "$work/alone.c"
        # shellcheck disable=SC2086
        $compiler -x c++ -std=c++11 $warnings -Wold-style-cast -Wshadow -I"$source/include" \
            -fsyntax-only "$work/alone.c"
    done
}

case_a_wrong_when_does_not_compile() # timeout=240
{
    for compiler in gcc clang; do
        for when in 0 4 16 19 32 -1; do
            refused error compiles $compiler c c99 -DWHEN="($when)"
            refused error compiles $compiler c++ c++11 -DWHEN="($when)"
        done
        for when in 1 2 3 5 8 11 15; do
            compiles $compiler c c99 -DWHEN="$when"
        done
    done
}

order() {
    printf '%s: success\nsuccess\n' \
        "$(sed -n 's/^#define FINI_VERSION "\(.*\)"$/\1/p' "$source/include/fini.h")"
    printf '%s: unload\n' own own second second first first 'unload handler'
    echo closed
}

# Within a file the later line is newer, and both hooks of a line with two are there.
runs() {
    (cd "$build/amalgamation" && "$1" -O1 -fPIC -c fini.c -o "$work/fini.o")
    cc "$here/load.c" -o "$work/load" -ldl
    compiles "$1" "$2" "$3"
    "$1" -shared "$work/uses.o" "$work/fini.o" -o "$work/uses.so"
    same unload "$("$work/load" "$work/uses.so")" "$(order)"
    "$work/load" -x "$work/uses.so" | sed 1,2d >"$work/exit"
    same exit "$(cat "$work/exit")" \
        "$(printf '%s: exit\n' own own own 'own*' second first 'exit handler')"
}

case_runs() # timeout=240
{
    runs gcc c c99
    runs clang c c17
}

case_runs_in_cpp() # timeout=240
{
    compiles g++ c++ c++11
    (cd "$build/amalgamation" && cc -O1 -fPIC -c fini.c -o "$work/fini.o")
    cc "$here/load.c" -o "$work/load" -ldl
    g++ -shared "$work/uses.o" "$work/fini.o" -o "$work/uses.so"
    same unload "$("$work/load" "$work/uses.so")" "$(order)"
}

case_in_a_cpp_namespace() # timeout=240
{
    for compiler in g++ clang++; do
        # shellcheck disable=SC2086
        $compiler -std=c++11 $warnings -I"$source/include" -c "$here/header/namespace.cc" \
            -o "$work/namespace.o"
        nm "$work/namespace.o" | grep -q ' T fini__library$' || fail 'fini__library is mangled'
    done
}

protocol "$@"
