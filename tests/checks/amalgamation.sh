#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The two files to embed: they compile without a warning wherever C11 does, and adding them is all
# a plugin has to do. So do the sources one by one, and the platform of which nothing is known.
. "$FINI_SOURCE/tests/checks/protocol.sh"

warnings='-Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes'
warnings="$warnings -Wmissing-prototypes -Wundef"

make_it() {
    sh "$source/tools/amalgamate.sh" "$source" "$work/out"
    cc "$here/load.c" -o "$work/load" -ldl
    cp "$here/plugin.c" "$work/out"
    cd "$work/out"
}

# everywhere COMPILER STANDARD...
everywhere() {
    compiler=$1
    shift
    make_it
    for standard in "$@"; do
        for level in 0 2 3 s; do
            # shellcheck disable=SC2086
            "$compiler" -std="$standard" -O$level -fPIC $warnings -c fini.c -o fini.o
        done
    done
}

# told TEXT PLUGIN [OPTION]: what the hook of the plugin says at its end.
told() {
    same "$2" "$("$work/load" ${3-} "$2")" "$1"
}

unloads_and_exits() {
    told "$(printf 'hook: unload\nclosed')" "$1"
    told 'hook: exit' "$1" -x
}

case_two_files_come_out() # timeout=240
{
    make_it
    same files "$(ls)" "$(printf 'fini.c\nfini.h\nplugin.c')"
    cmp fini.h "$source/include/fini.h"
    cmp fini.c "$build/amalgamation/fini.c"
    if grep -n '#include "' fini.c | grep -v '"fini.h"'; then
        fail 'it still needs a header of the project'
    fi
}

case_gcc_c11() # timeout=240
{
    everywhere gcc c11
}

case_gcc_c17_gnu11() # timeout=240
{
    everywhere gcc c17 gnu11
}

case_clang_c11() # timeout=240
{
    everywhere clang c11
}

case_clang_c17_gnu11() # timeout=240
{
    everywhere clang c17 gnu11
}

case_one_command_makes_a_plugin() # timeout=240
{
    make_it
    for compiler in gcc clang; do
        "$compiler" -shared -fPIC plugin.c fini.c -o "$work/out/plugin.so"
        unloads_and_exits "$work/out/plugin.so"
    done
}

# Also where a project defines what fini.c defines.
case_with_gnu_source_given() # timeout=240
{
    make_it
    cc -D_GNU_SOURCE -Wall -Werror -shared -fPIC plugin.c fini.c -o "$work/out/plugin.so"
    unloads_and_exits "$work/out/plugin.so"
}

case_sources_one_by_one() # timeout=240
{
    make_it
    for compiler in gcc clang; do
        for file in "$source"/src/*.c "$source"/src/platform/*.c; do
            # shellcheck disable=SC2086
            "$compiler" -std=c11 -O2 -fPIC $warnings -I"$source/include" -c "$file" \
                -o "one-${file##*/}.o"
        done
        "$compiler" -shared -fPIC -I"$source/include" plugin.c one-*.o -o "$work/out/plugin.so"
        unloads_and_exits "$work/out/plugin.so"
    done
}

# Every finalizer is told that the process exits, also at an unload.
case_unknown_platform() # timeout=240
{
    make_it
    for compiler in gcc clang; do
        # shellcheck disable=SC2086
        "$compiler" -std=c11 -O2 -fPIC $warnings -DFINI_PLATFORM_NONE -c fini.c -o fini.o
        "$compiler" -shared -fPIC plugin.c fini.o -o "$work/out/plugin.so"
        told "$(printf 'hook: exit\nclosed')" "$work/out/plugin.so"
        told 'hook: exit' "$work/out/plugin.so" -x
        "$compiler" -shared -fPIC -I. "$here/header/uses.c" fini.o -o "$work/out/uses.so"
        "$work/load" "$work/out/uses.so" | sed 1,2d >said
        same uses "$(cat said)" \
            "$(printf '%s: exit\n' own own own 'own*' second first 'exit handler' && echo closed)"
    done
}

protocol "$@"
