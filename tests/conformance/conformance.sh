#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The facts on which the library stands: fini-conformance must still answer what is kept in docs.
# What depends on chance is not compared, nor on patches; on the kernel, only where it is the same.
. "$FINI_SOURCE/tests/checks/protocol.sh"
. "$FINI_SOURCE/tests/conformance/systems.sh"

strict='-O1 -g -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes'

# make_program FOLDER MAKE-VARIABLE...
make_program() {
    folder=$1
    shift
    make -s -C "$source/conformance" OUT="$work/$folder" CFLAGS="$strict" "$@"
}

make_for_windows() {
    make_program "$1" CC="$2" SO=.dll EXE=.exe BESIDE= LIBS=-static-libgcc
}

# compare KEPT GOT: fails, and says so, where an answer differs.
compare() {
    awk -F'\t' '
        $1 == "# kernel" { kernel[FILENAME] = $2 }
        /^#/ { next }
        NR == FNR { kept[$1] = $2; next }
        { got[$1] = 1 }
        !($1 in kept) { print $1 ": no answer is kept; now: " $2; bad = 1; next }
        $2 == kept[$1] || $3 == "chance" || $3 == "patches" { next }
        $3 == "kernel" && kernel[ARGV[1]] != kernel[ARGV[2]] { next }
        { print $1 ": " $2 "; kept: " kept[$1]; bad = 1 }
        END {
            for (id in kept)
                if (!(id in got)) { print id ": not asked any more"; bad = 1 }
            exit bad
        }' "$1" "$2" >&2 || fail 'the system answers otherwise'
}

# judge GOT: beside the answers of the same version of the same system.
judge() {
    name=$(awk -F'\t' '$1 == "# system" { print $2 }' "$1")
    [ -n "$name" ] || fail "no system is named: $(cat "$1")"
    kept=$source/docs/conformance-$name.tsv
    [ -f "$kept" ] || skip "no answers are kept for $name; see docs/conformance.md"
    compare "$kept" "$1"
}

case_glibc() # timeout=120 slow=1
{
    make_program here
    "$work/here/fini-conformance" --format=tsv >"$work/got"
    judge "$work/got"
}

case_musl() # timeout=180 slow=1
{
    need_musl
    make_program musl CC=musl-gcc
    "$work/musl/fini-conformance" --format=tsv >"$work/got"
    judge "$work/got"
}

case_wine() # timeout=300 slow=1
{
    need_wine
    make_for_windows wine x86_64-w64-mingw32-gcc
    in_wine "$work/wine/fini-conformance.exe" --format=tsv >"$work/got"
    judge "$work/got"
}

case_aarch64() # timeout=180 slow=1
{
    need_aarch64
    make_program aarch64 CC=aarch64-linux-gnu-gcc
    export FC_THROUGH="$qemu"
    $qemu "$work/aarch64/fini-conformance" --format=tsv >"$work/got"
    judge "$work/got"
}

case_other_compilers() # timeout=120
{
    make_program clang CC=clang
    need i686-w64-mingw32-gcc gcc-mingw-w64-i686
    make_for_windows i686 i686-w64-mingw32-gcc
}

# The commands of the README that do without make, as they stand there.
case_without_make() # timeout=120
{
    cp -r "$source/conformance" "$work/plain"
    sed -n '/^    cc /s/^    //p' "$work/plain/README.md" >"$work/commands"
    [ "$(wc -l <"$work/commands")" -eq 7 ] || fail 'not seven commands'
    (cd "$work/plain" && sh -e "$work/commands")
    "$work/plain/fini-conformance" --format=tsv exit.return unload.unmaps >"$work/got"
    cut -f2 "$work/got" | tail -n 2 | tr '\n' ' ' >"$work/answers"
    same answers "$(cat "$work/answers")" 'yes yes '
}

case_table_of_one_question() # timeout=120
{
    make_program here
    "$work/here/fini-conformance" unload.finalizes >"$work/got"
    grep -qE '^unload: ' "$work/got" || fail 'no theme'
    grep -qE '^  unload\.finalizes  yes  [a-z]' "$work/got" || fail "no row: $(cat "$work/got")"
    same rows "$(grep -c '^  ' "$work/got")" 1
}

case_side_by_side() # timeout=60
{
    set -- "$source"/docs/conformance-*-x86_64.tsv "$source"/docs/conformance-*-aarch64.tsv
    sh "$source/conformance/side-by-side.sh" "$@" >"$work/table"
    sed '1,/^<!-- made by side-by-side.sh -->$/d' "$source/docs/conformance.md" >"$work/kept"
    cmp "$work/table" "$work/kept" || fail 'docs/conformance.md is older than the answers'
}

answers() {
    printf '# system\tx\n# kernel\t%s\n' "$1"
    printf 'a.a\t%s\tlibc\tq\na.b\t%s\tchance\tq\na.c\t%s\tkernel\tq\n' "$2" "$3" "$4"
}

case_differences_are_seen() # timeout=60
{
    answers 1 yes yes yes >"$work/kept"
    answers 1 yes no yes >"$work/got"
    compare "$work/kept" "$work/got"
    answers 2 yes no no >"$work/got"
    compare "$work/kept" "$work/got"
    answers 1 yes yes no >"$work/got"
    refused 'a.c: no; kept: yes' compare "$work/kept" "$work/got"
    answers 1 crash yes yes >"$work/got"
    refused 'a.a: crash; kept: yes' compare "$work/kept" "$work/got"
    sed '$d' "$work/kept" >"$work/got"
    refused 'a.c: not asked any more' compare "$work/kept" "$work/got"
    refused 'a.c: no answer is kept' compare "$work/got" "$work/kept"
}

protocol "$@"
