#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The layers of the sources: above the platform page there is only ISO C, and only one file
# compares names of systems.
. "$FINI_SOURCE/tests/checks/protocol.sh"

iso='assert|errno|limits|stdatomic|stdbool|stddef|stdint|string'
systems='_*(linux|gnu_linux|GLIBC|GLIBC_MINOR|UCLIBC|BIONIC|ANDROID|APPLE|MACH|FreeBSD'
systems="$systems|OpenBSD|NetBSD|DragonFly|sun|svr4|SVR4|HAIKU|wasi|EMSCRIPTEN|unix|MINGW32"
systems="$systems|MINGW64|WIN32|WIN64|CYGWIN|MSC_VER|AIX|hpux)_*"

say_bad() {
    echo "$1" >&2
    bad=1
}

# none_has PATTERN REASON FILE...: no line may match.
none_has() {
    pattern=$1
    reason=$2
    shift 2
    if grep -nE -e "$pattern" "$@" /dev/null >&2; then
        say_bad "$reason"
    fi
}

# The names that the conditions of a file ask for, one a line.
condition_names() {
    sed -e ':more' -e '/\\$/{N;s/\\\n/ /;b more' -e '}' "$1" |
        sed -n 's/^[ 	]*#[ 	]*\(if\|ifdef\|ifndef\|elif\)[ 	(]/ /p' |
        sed -e 's|/\*.*||' -e 's/"[^"]*"//g' | grep -oE '[A-Za-z_][A-Za-z0-9_]*' | sort -u
}

check_conditions() {
    own='FINI_[A-Z_]+_H|FINI_H|defined|__cplusplus|__GNUC__|__clang__|__clang_major__'
    own="$own|__STDC_[A-Z_]+|__has_[a-z_]+"
    own="$own|__builtin_[a-z_]+|FINI__GATE_[A-Z]+"
    case $1 in
    */include/fini.h | */src/compiler.h)
        own="$own|_WIN32|__CYGWIN__|__ELF__|__MACH__|FINI_INTERNAL|tls"
        ;;
    esac
    case $1 in
    */include/fini.h) own="$own|__x86_64__|__i386__|__aarch64__|__arm__|__riscv|__s390x__" ;;
    */src/compiler.h) own="$own|FINI_THREAD_SANITIZER|__SANITIZE_THREAD__|thread_sanitizer" ;;
    esac
    if condition_names "$1" | grep -vxE "$own" >&2; then
        say_bad "a condition above the platform page: $1"
    fi
}

check_systems() {
    if condition_names "$1" | grep -xE "$systems" >&2; then
        say_bad "a system's name outside select.h: $1"
    fi
}

check_above() {
    bad=0
    for file in "$1"/src/*.[ch] "$1"/include/fini.h; do
        if grep -nE '^[ 	]*#[ 	]*include[ 	]*<' "$file" | grep -vE "<($iso)\.h>" >&2; then
            say_bad "a header that is not of ISO C: $file"
        fi
        check_conditions "$file"
    done
    for file in "$1"/src/*.[ch]; do
        if grep -nE '^[ 	]*#[ 	]*include[ 	]*"' "$file" |
            grep -vE '"(core|shared|platform|compiler|fini)\.h"' |
            grep -vE "^(${file##*/}:)?[0-9]+:#include \"platform/processor\.h\" /\* FINI_FRAME" >&2
        then
            say_bad "an include across layers: $file"
        fi
    done
    none_has '^[ 	]*#[ 	]*include[ 	]*[^ 	<"]' 'a computed include' "$1"/src/*.[ch] \
        "$1"/src/platform/*.[ch]
    return $bad
}

check_below() {
    bad=0
    none_has 'include.*core\.h' 'the platform knows the core' "$1"/src/platform/*.[ch]
    for file in "$1"/src/platform/*.[ch]; do
        [ "${file##*/}" = select.h ] || check_systems "$file"
    done
    [ "$(wc -l <"$1/src/platform.h")" -le 200 ] || say_bad 'platform.h is more than a page'
    return $bad
}

# The program `fini` is a user of the library like any other: of this project it knows fini.h. Its
# platform is Linux with libelf; what the compiler is asked for is a sanitizer.
check_command() {
    bad=0
    for file in "$1"/command/*.[ch]; do
        sed -n 's/^[ 	]*#[ 	]*include[ 	]*"\(.*\)".*/\1/p' "$file" >"$work/includes"
        while read -r header; do
            case $header in
            */*) say_bad "an include of another folder: $file" ;;
            *) [ -f "$1/command/$header" ] || say_bad "no header of the command: $file: $header" ;;
            esac
        done <"$work/includes"
        none_has '^[ 	]*#[ 	]*include[ 	]*<(platform|core|shared|compiler)' \
            'a header of the library' "$file"
        if condition_names "$file" |
            grep -vxE 'COMMAND_[A-Z_]+_H|__SANITIZE_ADDRESS__' >&2; then
            say_bad "a condition in the command: $file"
        fi
    done
    return $bad
}

# copy_with LINE FILE: a copy of the sources, with a line more in one of them.
copy_with() {
    rm -rf "$work/copy"
    mkdir "$work/copy"
    cp -R "$source/src" "$source/include" "$source/command" "$work/copy"
    [ -f "$work/copy/$2" ] || fail "no such file: $2"
    printf "%s\n" "$1" >>"$work/copy/$2"
}

# caught TEXT CHECK LINE FILE
caught() {
    copy_with "$3" "$4"
    refused "$1" "$2" "$work/copy"
}

case_above_the_platform() # timeout=240
{
    check_above "$source"
}

case_below_the_platform() # timeout=240
{
    check_below "$source"
}

case_command() # timeout=240
{
    check_command "$source"
}

case_violations_in_the_command_are_caught() # timeout=240
{
    caught 'an include of another folder' check_command '#include "../src/core.h"' command/check.c
    caught 'an include of another folder' check_command '#include "platform/self.h"' command/text.h
    caught 'no header of the command' check_command '#include "platform.h"' command/pin.c
    caught 'a header of the library' check_command '#include <core.h>' command/main.c
    caught 'a condition in the command' check_command '#ifdef __linux__' command/probe.c
    copy_with '/* nothing */' command/main.c
    check_command "$work/copy"
}

case_violations_above_are_caught() # timeout=240
{
    header='a header that is not of ISO C'
    condition='a condition above the platform page'
    include='an include across layers'
    caught "$header" check_above '#include <unistd.h>' src/hooks.c
    caught "$header" check_above '# include <stdio.h>' src/core.h
    caught "$header" check_above '#include <pthread.h>' include/fini.h
    caught "$header" check_above '#include <sys/types.h>' src/platform.h
    caught "$condition" check_above '#ifdef __linux__' src/image.c
    caught "$condition" check_above '#if defined(FINI_H) && __APPLE__' src/lock.c
    caught "$condition" check_above '#  elif defined __GLIBC__' src/compiler.h
    caught "$condition" check_above '#ifdef _WIN32' src/reason.c
    caught "$condition" check_above '#ifndef __FreeBSD__' include/fini.h
    caught "$condition" check_above "$(printf '#if 1 \\\n && __sun')" src/trace.c
    caught "$condition" check_above '#if FINI_PLATFORM_GLIBC' src/error.c
    caught "$include" check_above '#include "platform/select.h"' src/image.c
    caught "$include" check_above '#include "platform/unwind.h"' src/core.h
    caught 'a computed include' check_above '#include HEADER' src/hooks.c
}

case_violations_below_are_caught() # timeout=240
{
    name="a system's name outside select.h"
    caught 'the platform knows the core' check_below '#include "../core.h"' src/platform/glibc.c
    caught "$name" check_below '#ifdef __linux__' src/platform/glibc.c
    caught "$name" check_below '#if 1 && defined(__GLIBC__)' src/platform/none.c
    caught "$name" check_below '#ifdef __FreeBSD__' src/platform/unwind.h
    caught 'platform.h is more than a page' check_below "$(seq 200)" src/platform.h
}

case_a_clean_copy_passes() # timeout=240
{
    copy_with '/* nothing */' src/hooks.c
    check_above "$work/copy"
    check_below "$work/copy"
}

protocol "$@"
