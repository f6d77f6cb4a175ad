#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Hooks at file scope are kept by every compiler and linker and each of their ways to drop what
# nothing refers to, and run in the promised order: within a file the later line first, and after
# all that fini_add added.
. "$FINI_SOURCE/tests/checks/protocol.sh"

sections='-ffunction-sections -fdata-sections -Wl,--gc-sections'

# links COMPILER OPTION...: is there such a linker, and does it know the options?
links() {
    echo 'int main(void) { return 0; }' >"$work/nothing.c"
    "$@" "$work/nothing.c" -o "$work/nothing" 2>/dev/null
}

# lld before 13 does not know it.
start_stop_gc='-fuse-ld=lld -Wl,-z,start-stop-gc'
no_start_stop_gc='-fuse-ld=lld -Wl,-z,nostart-stop-gc'

prepare() {
    cd "$work"
    [ -x load ] || cc "$here/load.c" -o load -ldl
    cp "$here/kept.c" one.c
    cp "$here/kept.c" two.c
    cp "$build/amalgamation/fini.c" "$build/amalgamation/fini.h" .
}

# What the hooks of file $1 say for the reason $2; $3 is not empty where it adds one.
expected() {
    [ -z "$3" ] || echo "$1 added: $2"
    echo "$1 fourth: $2"
    [ "$2" = unload ] || echo "$1 first: $2"
    echo "$1 third: $2"
    [ "$2" = exit ] || echo "$1 second: $2"
    echo "$1 first: $2"
}

# Between files the order is the linker's, so each is compared alone; but the hook that was added
# comes before all of them.
compare() {
    for file in one two; do
        same "$file at $1" "$(grep "^$file" said)" \
            "$(expected $file "$1" "$([ $file = two ] || echo adds)")"
    done
    same 'newest' "$(head -n 1 said)" "one added: $1"
}

judge() {
    ./load "$work/kept.so" >said
    compare unload
    ./load -x "$work/kept.so" >said
    compare exit
}

# builds_with COMPILER OPTIONS LIBFINI...: one option string for compiling and linking.
builds_with() {
    compiler=$1
    options=$2
    shift 2
    prepare
    rm -f kept.so
    # shellcheck disable=SC2086
    {
        "$compiler" $options -fPIC -DADDS -DNAME='"one"' -c one.c -o one.o
        "$compiler" $options -fPIC -DNAME='"two"' -c two.c -o two.o
        "$compiler" $options -fPIC -shared one.o two.o "$@" -o kept.so
    }
    judge
}

# from_source COMPILER OPTIONS: fini.c is compiled the same way.
from_source() {
    prepare
    # shellcheck disable=SC2086
    "$1" $2 -fPIC -c fini.c -o fini.o
    builds_with "$1" "$2" fini.o
}

from_archive() {
    builds_with "$1" "$2" "$build/libfini.a"
}

case_gcc() # timeout=240
{
    from_source gcc -O0
    from_source gcc -O2
    from_source gcc "-O2 $sections"
    from_source gcc "-Os -fvisibility=hidden -Wl,-O2 -s $sections"
    from_source gcc '-O2 -fno-asynchronous-unwind-tables'
}

case_gcc_lto() # timeout=240
{
    from_source gcc '-O2 -flto'
    from_source gcc "-O3 -flto $sections"
}

case_gcc_gold() # timeout=240
{
    links gcc -fuse-ld=gold || skip 'there is no gold'
    from_source gcc "-O2 -fuse-ld=gold -Wl,--icf=all $sections"
}

case_gcc_lld() # timeout=240
{
    from_source gcc "-O2 -fuse-ld=lld $sections"
    ! links gcc $start_stop_gc || from_source gcc "-O2 $start_stop_gc $sections"
}

case_clang() # timeout=240
{
    from_source clang -O0
    from_source clang "-O2 $sections"
}

case_clang_lld() # timeout=240
{
    from_source clang "-O2 -fuse-ld=lld $sections"
    ! links clang $start_stop_gc || from_source clang "-O2 $start_stop_gc -Wl,--icf=all $sections"
    ! links clang $start_stop_gc || from_source clang "-O2 $no_start_stop_gc $sections"
}

case_clang_lto() # timeout=240
{
    from_source clang "-O2 -fuse-ld=lld -flto $sections"
    from_source clang "-O2 -fuse-ld=lld -flto=thin $sections"
    ! links clang $start_stop_gc || from_source clang "-O2 -flto $start_stop_gc $sections"
}

case_archive() # timeout=240
{
    from_archive gcc -O0
    from_archive gcc "-O2 $sections"
    from_archive gcc '-O2 -flto'
    ! links gcc -fuse-ld=gold || from_archive gcc "-O2 -fuse-ld=gold $sections"
    ! links clang $start_stop_gc || from_archive clang "-O2 $start_stop_gc $sections"
    from_archive clang "-O2 -fuse-ld=lld -flto $sections"
}

# Only macros refer to libfini: they alone must bring it in from the archive.
case_archive_by_macros_alone() # timeout=240
{
    prepare
    for linker in bfd gold lld; do
        links gcc -fuse-ld=$linker || continue
        gcc -fuse-ld=$linker -fPIC -shared -DNAME='"two"' two.c "$build/libfini.a" -o kept.so
        same "$linker" "$(./load "$work/kept.so")" "$(expected two unload '' && echo closed)"
    done
}

# One source, compiled twice into one image: the same names of file, the same lines.
case_one_file_twice() # timeout=240
{
    prepare
    gcc -fPIC -DNAME='"one"' -c one.c -o one.o
    gcc -fPIC -DNAME='"two"' -c one.c -o two.o
    gcc -fPIC -shared one.o two.o fini.c -o kept.so
    ./load "$work/kept.so" >said
    for file in one two; do
        same $file "$(grep "^$file" said)" "$(expected $file unload '')"
    done
}

# A version script that makes everything local, as careful plugins have.
case_version_script() # timeout=240
{
    echo '{ local: *; };' >"$work/nothing.map"
    from_source gcc "-O2 -Wl,--version-script=$work/nothing.map $sections"
    from_source clang "-O2 -fuse-ld=lld -Wl,--version-script=$work/nothing.map $sections"
}

protocol "$@"
