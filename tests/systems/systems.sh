#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Systems that nobody has run: their files are compiled by compilers for them. For macOS with its
# own headers and linked; for the others with declarations of ours (headers/README.md).
. "$FINI_SOURCE/tests/checks/protocol.sh"

warnings='-std=c11 -O2 -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes'
warnings="$warnings -Wmissing-prototypes -Wundef -fPIC"
headers=$source/tests/systems/headers

need_clang() {
    command -v clang >/dev/null 2>&1 || skip 'there is no clang'
}

# with_ours SYSTEM TARGET FILE OBJECT WHAT [OPTION...]: with our declarations alone. WHAT is -c or
# -fsyntax-only.
with_ours() {
    folder=$1 target=$2 file=$3 object=$4 todo=$5
    shift 5
    # shellcheck disable=SC2086
    clang --target="$target" -nostdlibinc -ffreestanding $warnings "$@" \
        -isystem "$headers/$folder" -isystem "$headers/common" -isystem "$headers/iso" \
        -I"$source/include" $todo "$file" -o "$object"
}

# names OBJECT: what it asks others for.
names() {
    nm -u "$1" | awk '{ print $NF }' | sort
}

# compiled SYSTEM NAME TARGET... [-- OPTION...]: in one file for each target, one by one for the
# last. NAME is asked for by the file of this system and by no other's.
compiled() {
    need_clang
    folder=$1 name=$2
    shift 2
    targets=
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        targets="$targets $1"
        shift
    done
    [ $# -eq 0 ] || shift
    for target in $targets; do
        with_ours "$folder" "$target" "$build/amalgamation/fini.c" "$work/fini.o" -c "$@"
        names "$work/fini.o" | grep -qx "$name" || fail "no $name: another system was meant"
    done
    for file in "$source"/src/*.c "$source"/src/platform/*.c; do
        with_ours "$folder" "$target" "$file" "$work/one.o" -fsyntax-only "$@"
    done
}

case_freebsd() # timeout=120
{
    compiled freebsd _rtld_is_dlopened x86_64-unknown-freebsd14 aarch64-unknown-freebsd14
}

# clang 14 crashes for OpenBSD on aarch64, in its stack protector.
case_openbsd() # timeout=120
{
    compiled openbsd getthrid x86_64-unknown-openbsd
}

case_netbsd() # timeout=120
{
    compiled netbsd _lwp_self x86_64-unknown-netbsd aarch64-unknown-netbsd
}

case_illumos() # timeout=120
{
    compiled illumos ___Argv x86_64-pc-solaris2.11 -- -D__illumos__
}

case_android() # timeout=120
{
    compiled android prctl x86_64-linux-android23 aarch64-linux-android23
}

case_a_wrong_call_is_caught() # timeout=60
{
    need_clang
    cp -R "$source/src" "$source/include" "$work"
    sed 's/pthread_set_name_np(pthread_self(), name)/pthread_set_name_np(name)/' \
        "$source/src/platform/openbsd.c" >"$work/src/platform/openbsd.c"
    refused 'too few arguments' with_ours openbsd x86_64-unknown-openbsd \
        "$work/src/platform/openbsd.c" "$work/fini.o" -c
}

# ---- what is said of them --------------------------------------------------------------------

# asks_for MACRO FOLDER TARGET [OPTION...]: select.h decides so for this system.
asks_for() {
    macro=$1 folder=$2 target=$3
    shift 3
    clang --target="$target" -nostdlibinc -ffreestanding "$@" -isystem "$headers/$folder" \
        -isystem "$headers/iso" -E -dM "$source/src/platform/select.h" | grep -q "define $macro "
}

# cell FILE ROW COLUMN: of the table that has such a column, and such a row below it.
cell() {
    awk -F' *\\| *' -v row="$2" -v column="$3" '
        /^\|/ && !place { for (n = 3; n < NF; n++) if ($n == column) place = n }
        !/^\|/ { place = 0 }
        place && index($2, row) == 1 { print $place }' "$1"
}

# says DOCUMENT COLUMN FOLDER TARGET [OPTION...]: rows that select.h decides are as it decides.
says() {
    document=$1 column=$2
    shift 2
    expected=no
    if asks_for FINI_WITHOUT_PAGES "$@"; then
        expected=yes
    fi
    for row in 'keepsakes' '`fini_release`'; do
        said=$(cell "$document" "$row" "$column")
        [ "$said" ] || fail "nothing is said of $row, $column"
        lacks=no
        case $said in *FINI_ENOTSUP*) lacks=yes ;; esac
        same "$row, $column" "$lacks" $expected
    done
    array='an exit handler'
    if asks_for FINI_USES_ARRAY "$@"; then
        array='`.fini_array`'
    fi
    [ "$column" = Android ] || same "$column" "$(cell "$document" finalized "$column")" "$array"
}

# macOS needs no headers for that.
all_is_said() {
    says "$1" macOS freebsd x86_64-apple-macos11
    says "$1" FreeBSD freebsd x86_64-unknown-freebsd14
    says "$1" OpenBSD openbsd x86_64-unknown-openbsd
    says "$1" NetBSD netbsd x86_64-unknown-netbsd
    says "$1" illumos illumos x86_64-pc-solaris2.11 -D__illumos__
    says "$1" Android android aarch64-linux-android23
}

case_documents() # timeout=60
{
    need_clang
    all_is_said "$source/PLATFORMS.md"
    sed 's/| yes, left with text domains |/| `FINI_ENOTSUP` |/' "$source/PLATFORMS.md" >"$work/a.md"
    refused 'keepsakes, illumos' all_is_said "$work/a.md"
    sed 's/^| finalized from | an exit handler/| finalized from | `.fini_array`/' \
        "$source/PLATFORMS.md" >"$work/a.md"
    refused 'macOS' all_is_said "$work/a.md"
}

# ---- macOS -----------------------------------------------------------------------------------

need_macos() {
    need_clang
    zig=$build/macos-compiler/package/zig
    [ -x "$zig" ] || skip "no compiler for macOS: $(cat "$build/macos-compiler/why-not" \
        2>/dev/null || echo 'tools/install-tools.sh has not been run')"
    ZIG_GLOBAL_CACHE_DIR=$build/macos-compiler/cache
    ZIG_LOCAL_CACHE_DIR=$ZIG_GLOBAL_CACHE_DIR
    export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
}

macos() {
    target=$1
    shift
    # shellcheck disable=SC2086
    "$zig" cc -target "$target-macos.11.0" $warnings -I"$build/amalgamation" "$@"
}

# What a library shows to others, without what the linker adds.
shown() {
    llvm_nm=$(command -v llvm-nm || ls /usr/bin/llvm-nm-* 2>/dev/null | head -n 1)
    [ "$llvm_nm" ] || skip 'there is no llvm-nm'
    "$llvm_nm" --defined-only --extern-only "$1" | awk 'NF { print $NF }' |
        grep -vxE '_+(dso_handle|mh_dylib_header|mh_bundle_header)' || :
}

case_macos_links() # timeout=300 slow=1
{
    need_macos
    sed 's/printf(.*/(void)why;/; s/fflush.*//; /stdio/d' "$source/tests/checks/plugin.c" \
        >"$work/plugin.c"
    for target in x86_64 aarch64; do
        macos $target -shared "$work/plugin.c" "$build/amalgamation/fini.c" -o "$work/a.dylib"
        same "$target" "$(shown "$work/a.dylib")" ''
    done
}

# What libfini asks macOS for is there, in the stubs that the linker looks into.
case_macos_lacks_nothing() # timeout=300 slow=1
{
    need_macos
    echo 'int stray(void); int f(void); int f(void) { return stray(); }' >"$work/stray.c"
    refused 'stray' macos aarch64 -shared "$work/stray.c" -o "$work/a.dylib"
    macos aarch64 -shared "$build/amalgamation/fini.c" -o "$work/a.dylib"
}

case_macos_one_by_one() # timeout=300 slow=1
{
    need_macos
    for file in "$source"/src/*.c "$source"/src/platform/*.c; do
        macos aarch64 -O0 -I"$source/include" -c "$file" -o "$work/one-${file##*/}.o"
    done
    macos aarch64 -shared "$work"/one-*.o -o "$work/a.dylib"
    same exported "$(shown "$work/a.dylib")" ''
}

case_macos_macros_in_cpp() # timeout=300 slow=1
{
    need_macos
    "$zig" c++ -target aarch64-macos.11.0 -std=c++11 -Wall -Wextra -Werror \
        -I"$build/amalgamation" -x c++ -c "$source/tests/checks/header/uses.c" -o "$work/uses.o"
}

# An image's own handlers are taken in place of the weak ones.
case_macos_takes_own_handlers() # timeout=300 slow=1
{
    need_macos
    echo '#include "fini.h"
int called;
void fini_exit_handler(void) { called = 1; }' >"$work/own.c"
    macos aarch64 -shared "$work/own.c" "$build/amalgamation/fini.c" -o "$work/a.dylib"
    same shown "$(shown "$work/a.dylib")" _called
}

# ---- neither ---------------------------------------------------------------------------------

# Of an unknown system only ISO C is asked, and what its compiler makes of constructors.
case_unknown_system() # timeout=60
{
    need_clang
    for target in x86_64-unknown-haiku riscv64-unknown-elf mips-unknown-elf; do
        # shellcheck disable=SC2086
        clang --target=$target -nostdlibinc -ffreestanding $warnings -Wno-atomic-alignment \
            -isystem "$headers/unknown" -isystem "$headers/iso" \
            -c "$build/amalgamation/fini.c" -o "$work/fini.o"
    done
}

# Linux and glibc, on a processor that nobody has looked at. The headers are those of another one
# with 64 bits.
case_unknown_processor() # timeout=60
{
    need_clang
    libc=/usr/aarch64-linux-gnu/include
    [ -d "$libc" ] || skip "there is no $libc (Debian's package libc6-dev-arm64-cross)"
    # shellcheck disable=SC2086
    clang --target=mips64el-linux-gnuabi64 -nostdlibinc -isystem "$libc" $warnings \
        -c "$build/amalgamation/fini.c" -o "$work/fini.o"
}

protocol "$@"
