#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libfini on Windows: built by mingw-w64, run by Wine.
#
# Decides: what is built how. What a scenario is, and whether it has gone well, host.c says, which
# starts a process for each.
. "$FINI_SOURCE/tests/checks/protocol.sh"
. "$FINI_SOURCE/tests/conformance/systems.sh"

embed=$build/amalgamation
tests=$source/tests/windows
strict='-O1 -g -Wall -Wextra -Werror'

# One after the other: they share a folder of Wine's, and leave nothing running.
in_own_wine() {
    WINEPREFIX=$build/wine-windows
    {
        flock 9
        wine "$@" >"$work/in_wine" 2>&1 </dev/null && status=0 || status=$?
        wineserver -k || :
        tr -d '\r' <"$work/in_wine" >"$work/said"
        cat "$work/said" >&2
    } 9>"$build/wine-windows.lock"
    return $status
}

# run_host PROGRAM [SCENARIO]: it has to say so; Wine has been seen to start nothing and answer 0.
run_host() {
    if [ $# -eq 1 ]; then
        in_own_wine "$work/$1" && grep -qx 'all right' "$work/said"
    else
        in_own_wine "$work/$1" judge "$2" && grep -qx "ok $2" "$work/said"
    fi
}

# Compilers. The libraries of gcc are clang's too.
use_gcc() {
    need "$1-w64-mingw32-gcc" "gcc-mingw-w64-$(echo "$1" | tr _ -)"
    cc="$1-w64-mingw32-gcc -std=c11 $strict -static-libgcc"
    dump="$1-w64-mingw32-objdump"
}

use_clang() {
    use_gcc "$1"
    need clang clang
    libgcc=$($cc -print-libgcc-file-name)
    cc="clang --target=$1-w64-mingw32 -std=c11 $strict -static-libgcc -L${libgcc%/*}"
    cc="$cc -Wno-unused-command-line-argument"
}

# make_dll NAME SOURCE OPTION...: with libfini, as $fini is.
make_dll() {
    name=$1
    from=$2
    shift 2
    # shellcheck disable=SC2086
    $cc "$@" -I"$embed" -shared "$tests/$from" $fini -o "$work/$name.dll"
}

make_fini() {
    $cc "$@" -I"$embed" -c "$embed/fini.c" -o "$work/fini.o"
    fini=$work/fini.o
}

make_plugins() {
    make_dll plugin plugin.c "$@"
    cp "$work/plugin.dll" "$work/copy.dll"
    make_dll beside plugin.c -DBESIDE_DLLMAIN "$@"
}

make_hosts() {
    $cc -shared "$tests/other.c" -o "$work/other.dll"
    $cc -shared "$tests/naive.c" -o "$work/naive.dll"
    $cc "$@" "$tests/host.c" "$tests/outside.c" -o "$work/outside.exe"
    # shellcheck disable=SC2086
    $cc -I"$embed" "$tests/host.c" "$tests/inside.c" $fini -o "$work/inside.exe"
}

run_hosts() {
    need_wine
    run_host outside.exe || fail 'outside.c'
    run_host inside.exe || fail 'inside.c'
}

case_x86_64() # timeout=240 slow=1
{
    use_gcc x86_64
    make_fini
    make_plugins
    make_hosts
    run_hosts
}

case_x86_64_clang() # timeout=240 slow=1
{
    use_clang x86_64
    make_fini
    make_plugins
    make_hosts
    run_hosts
}

case_x86_64_optimized() # timeout=240 slow=1
{
    use_gcc x86_64
    cc="$cc -O2 -flto -ffunction-sections -fdata-sections -Wl,--gc-sections"
    make_fini -Wno-lto-type-mismatch
    make_plugins
    make_hosts
    run_hosts
}

# Neither WaitOnAddress nor names for threads: Windows 7.
case_x86_64_old() # timeout=240 slow=1
{
    use_gcc x86_64
    make_fini -DFINI_WINDOWS_OLD
    make_plugins
    make_hosts
    run_hosts
}

# As C++, with an object whose destructor says when it runs.
case_x86_64_cxx() # timeout=240 slow=1
{
    use_gcc x86_64
    need x86_64-w64-mingw32-g++ g++-mingw-w64-x86-64
    make_fini
    make_hosts -DPLUGIN_IS_CXX
    cc="x86_64-w64-mingw32-g++ -x c++ -std=c++11 $strict -static -fpermissive"
    objects=$fini
    fini="-x none $objects"
    make_plugins
    need_wine
    run_host outside.exe || fail 'outside.c'
}

# File by file, as libfini.a is made.
case_x86_64_archive() # timeout=240 slow=1
{
    use_gcc x86_64
    for file in "$source"/src/*.c "$source"/src/platform/*.c; do
        $cc -ffunction-sections -fdata-sections -I"$source/include" -I"$source/src" -c "$file" \
            -o "$work/$(basename "$file" .c).o"
    done
    x86_64-w64-mingw32-ar rc "$work/libfini.a" "$work"/*.o
    fini="$work/libfini.a -Wl,--exclude-libs,libfini.a -Wl,--gc-sections"
    make_plugins
    make_hosts
    run_hosts
    exported plugin >"$work/exported"
    same exports "$(cat "$work/exported")" plugin_do
}

# Compiled in any case.
case_i686() # timeout=240 slow=1
{
    use_clang i686
    make_fini
    make_plugins
    use_gcc i686
    make_fini
    make_plugins
    make_hosts
    need_wine
    run_host inside.exe program_holds ||
        skip 'this Wine runs no 32-bit programs (package wine32 of the architecture i386)'
    run_hosts
}

# exported NAME: what a DLL exports.
exported() {
    $dump -p "$work/$1.dll" | sed -n '/Ordinal\/Name/,/^$/s/^.*\[ *[0-9]*\] //p'
}

# A DLL that does not say what it exports, exports all of its own, and nothing of libfini.
case_exports_nothing() # timeout=120
{
    for processor in x86_64 i686; do
        use_gcc $processor
        make_fini
        make_dll plugin plugin.c
        same "exports of $processor" "$(exported plugin)" plugin_do
        sed 's/__declspec(dllexport)//' "$tests/plugin.c" >"$work/plugin.c"
        $cc -I"$embed" -I"$tests" -shared "$work/plugin.c" "$fini" -o "$work/auto.dll"
        same "exports of all, $processor" "$(exported auto)" plugin_do
    done
}

case_compiles_strictly() # timeout=120
{
    for processor in x86_64 i686; do
        use_gcc $processor
        make_fini -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
        use_clang $processor
        make_fini -Wpedantic -Wshadow -Wstrict-prototypes -Wvla
    done
}

# As far as can be seen without MSVC: its keywords, sections and C11; mingw's headers.
case_reads_as_msvc() # timeout=120
{
    need clang clang
    headers=/usr/share/mingw-w64/include
    [ -f "$headers/windows.h" ] || skip 'no headers of mingw-w64'
    for target in '-D_AMD64_ --target=x86_64' '-D_X86_ --target=i686'; do
        # shellcheck disable=SC2086
        clang $target-pc-windows-msvc -D_ALLOCA_S_MARKER_SIZE=8 \
            -fms-extensions -fms-compatibility-version=19.35 -fgnuc-version=12 -std=c11 \
            -fsyntax-only -Wall -Wextra -Wno-unused-variable -Wno-unused-function -Werror \
            -isystem "$headers" -I"$embed" "$tests/msvc.c"
    done
}

# Could ntdll not tell, every finalizer would be told exit, in doubt: the scenarios would see it.
case_judges() # timeout=240 slow=1
{
    use_gcc x86_64
    sed 's/"RtlDllShutdownInProgress"/"no such function"/' "$embed/fini.c" >"$work/fini.c"
    if cmp -s "$embed/fini.c" "$work/fini.c"; then
        fail 'nothing changed'
    fi
    $cc -I"$embed" -c "$work/fini.c" -o "$work/fini.o"
    fini=$work/fini.o
    make_plugins
    make_hosts
    need_wine
    for scenario in free_in_main free_in_thread beside_dllmain_unload values_at_unload; do
        if run_host outside.exe $scenario; then
            fail "passes in doubt: $scenario"
        fi
    done
    run_host outside.exe naive_hangs || fail naive_hangs
}

protocol "$@"
