#!/bin/sh
# SPDX-License-Identifier: MIT
#
# libfini on Windows: built by mingw-w64, run by Wine. $FINI_WINE32_ROOT: the root of a system whose
# Wine runs programs for x86, where this machine's does not.
#
# Decides: what is built how, and whose Wine runs it. What a scenario is, and whether it has gone
# well, host.c says, which starts a process for each.
. "$FINI_SOURCE/tests/checks/protocol.sh"
. "$FINI_SOURCE/tests/conformance/systems.sh"

embed=$build/amalgamation
tests=$source/tests/windows
strict='-O1 -g -Wall -Wextra -Werror'

# PROGRAM [WORD...], which is in $work. Nothing of Wine is to stay.
wine_here() {
    host=$work/$1
    shift
    WINEPREFIX=$build/wine-windows
    wine "$host" "$@" && status=0 || status=$?
    wineserver -k || :
    return $status
}

wine_in_root() {
    rm -rf "$FINI_WINE32_ROOT/libfini/windows"
    mkdir -p "$FINI_WINE32_ROOT/libfini/windows"
    cp "$work"/*.exe "$work"/*.dll "$FINI_WINE32_ROOT/libfini/windows"
    sh "$source/tests/roots/enter-root.sh" "$FINI_WINE32_ROOT" "
        export WINEPREFIX=/libfini/wine WINEDEBUG=$WINEDEBUG WINEDLLOVERRIDES=$WINEDLLOVERRIDES
        wine windows/$* && status=0 || status=\$?
        wineserver -k || :
        exit \$status"
}

# One after the other: they share a folder of Wine's.
in_wine_of_windows() {
    {
        flock 9
        $run_wine "$@" >"$work/in_wine" 2>&1 </dev/null && status=0 || status=$?
        tr -d '\r' <"$work/in_wine" >"$work/said"
        cat "$work/said" >&2
    } 9>"$build/wine-windows.lock"
    return $status
}

# run_host PROGRAM [SCENARIO]: it has to say so; Wine has been seen to start nothing and answer 0.
run_host() {
    if [ $# -eq 1 ]; then
        in_wine_of_windows "$1" && grep -qx 'all right' "$work/said"
    else
        in_wine_of_windows "$1" judge "$2" && grep -qx "ok $2" "$work/said"
    fi
}

# For x86 only once there is a program that Wine can try.
need_wine_for() {
    run_wine=wine_here
    if [ "$1" = i686 ] && [ -n "${FINI_WINE32_ROOT-}" ]; then
        use_wine
        run_wine=wine_in_root
        return
    fi
    need_wine
    [ "$1" = x86_64 ] || run_host inside.exe program_holds ||
        skip 'this Wine runs no 32-bit programs, and FINI_WINE32_ROOT names no root that does'
}

# Compilers. The libraries of gcc are clang's too.
use_gcc() {
    processor=$1
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
    need_wine_for "$processor"
    run_host outside.exe || fail 'outside.c'
    run_host inside.exe || fail 'inside.c'
}

# Each way to build all, for a processor.
by_gcc() {
    use_gcc "$1"
    make_fini
    make_plugins
    make_hosts
    run_hosts
}

by_clang() {
    use_clang "$1"
    make_fini
    make_plugins
    make_hosts
    run_hosts
}

optimized() {
    use_gcc "$1"
    cc="$cc -O2 -flto -ffunction-sections -fdata-sections -Wl,--gc-sections"
    make_fini -Wno-lto-type-mismatch
    make_plugins
    make_hosts
    run_hosts
}

# Neither WaitOnAddress nor names for threads: Windows 7.
for_old() {
    use_gcc "$1"
    make_fini -DFINI_WINDOWS_OLD
    make_plugins
    make_hosts
    run_hosts
}

# File by file, as libfini.a is made.
from_archive() {
    use_gcc "$1"
    for file in "$source"/src/*.c "$source"/src/platform/*.c; do
        $cc -ffunction-sections -fdata-sections -I"$source/include" -I"$source/src" -c "$file" \
            -o "$work/$(basename "$file" .c).o"
    done
    "$1-w64-mingw32-ar" rc "$work/libfini.a" "$work"/*.o
    fini="$work/libfini.a -Wl,--exclude-libs,libfini.a -Wl,--gc-sections"
    make_plugins
    make_hosts
    run_hosts
    exported plugin >"$work/exported"
    same exports "$(cat "$work/exported")" plugin_do
}

case_x86_64() # timeout=600 slow=1
{
    by_gcc x86_64
}

case_x86_64_clang() # timeout=600 slow=1
{
    by_clang x86_64
}

case_x86_64_optimized() # timeout=600 slow=1
{
    optimized x86_64
}

case_x86_64_old() # timeout=600 slow=1
{
    for_old x86_64
}

case_x86_64_archive() # timeout=600 slow=1
{
    from_archive x86_64
}

# As C++, with an object whose destructor says when it runs.
case_x86_64_cxx() # timeout=600 slow=1
{
    use_gcc x86_64
    need x86_64-w64-mingw32-g++ g++-mingw-w64-x86-64
    make_fini
    make_hosts -DPLUGIN_IS_CXX
    cc="x86_64-w64-mingw32-g++ -x c++ -std=c++11 $strict -static -fpermissive"
    objects=$fini
    fini="-x none $objects"
    make_plugins
    need_wine_for x86_64
    run_host outside.exe || fail 'outside.c'
}

# Those for x86 are compiled in any case.
case_i686() # timeout=600 slow=1
{
    by_gcc i686
}

case_i686_clang() # timeout=600 slow=1
{
    by_clang i686
}

case_i686_optimized() # timeout=600 slow=1
{
    optimized i686
}

case_i686_old() # timeout=600 slow=1
{
    for_old i686
}

case_i686_archive() # timeout=600 slow=1
{
    from_archive i686
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
case_judges() # timeout=600 slow=1
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
    need_wine_for x86_64
    for scenario in free_in_main free_in_thread beside_dllmain_unload values_at_unload; do
        if run_host outside.exe $scenario; then
            fail "passes in doubt: $scenario"
        fi
    done
    run_host outside.exe naive_hangs || fail naive_hangs
}

protocol "$@"
