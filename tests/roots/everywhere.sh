#!/bin/sh
# SPDX-License-Identifier: MIT
#
# everywhere.sh SOURCE BUILD ROOTS RELEASE... - the tests on the libc and compilers of other
# releases of Debian, and on a Wine for x86.
#
# Decides: which targets are run there, and to count: one line a release. All else that was said is
# in ROOTS/RELEASE.log, and ROOTS/wine32.log.
# $TARGETS are run in each root, where that is more than check: hostile-all, too; or less: `carried`
# is the plugins alone that were built elsewhere.
# Leaves to make-root.sh what a release is, to in-root.sh how it is entered.
set -u
source=$1 build=$2 roots=$3
shift 3
here=$source/tests/roots
targets=${TARGETS:-check}
failed=0

# In a root. `carried` are the plugins that others have built, for the matrix. The ninja of Debian
# 11 does not know --quiet.
begin='[ -f build/build.ninja ] || meson setup build source
    ninja -C build tests/matrix/gcc-O2'
go_on='rm -rf build/tests/matrix/carried-*
    meson configure build -Dcarried="$(ls -d /libfini/carried/* | paste -sd,)"
    for target in '"$targets"'; do ninja -C build $target || failed=1; done
    exit ${failed-0}'

seconds() {
    date +%s
}

libc_version() {
    "$@" getconf GNU_LIBC_VERSION | sed 's/^glibc //'
}

# What stands behind the numbers: for the table in PLATFORMS.md.
versions() {
    chroot "$1" dpkg-query -W -f='libc6 ${Version}, ' libc6
    echo "gcc $(chroot "$1" gcc -dumpfullversion), clang $(chroot "$1" clang -dumpversion)," \
        "kernel $(uname -r | sed 's/-.*//')"
}

# counts LOG RUNS: the runner's last lines, one a run, together.
counts() {
    awk -v runs="$2" '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/ { p += $1; f += $3; s += $5; n++ }
        END { printf "%d passed, %d failed, %d skipped", p, f, s; exit n != runs }' "$1"
}

# made NAME RELEASE [ARCHITECTURE PACKAGES]: the root NAME, or its line says why there is none; 77:
# that is not wrong.
made() {
    root=$roots/$1 log=$roots/$1.log name=$1 release=$2
    shift 2
    sh "$here/make-root.sh" "$release" "$root" "$@" >"$log" 2>&1 && return
    status=$?
    if [ $status = 77 ]; then
        echo "$name: skipped: $(sed -n '$s/^SKIP: //p' "$log")"
    else
        echo "$name: see $log"
    fi
    return $status
}

# prepare RELEASE: a root, and in it a first variant of the matrix. Leaves .begun where it is there.
prepare() {
    rm -f "$roots/$1.begun"
    made "$1" "$1"
    status=$?
    [ $status != 77 ] || return 0
    [ $status = 0 ] || return 1
    begun=$(seconds)
    sh "$here/in-root.sh" "$root" "$source" "$begin" >>"$log" 2>&1 || {
        echo "$1: see $log"
        return 1
    }
    echo $(($(seconds) - begun)) >"$root.begun"
}

carry() {
    mkdir -p "$1"
    for image in plugin kept silent; do
        cp "$2/tests/matrix/gcc-O2.d/$image.so" "$1"
    done
}

# To each root from this machine and from all other roots.
carry_to() {
    rm -rf "$roots/$1/libfini/carried"
    carry "$roots/$1/libfini/carried/$(libc_version)" "$build"
    for other in "$roots"/*.begun; do
        other=${other%.begun}
        [ "$other" = "$roots/$1" ] ||
            carry "$roots/$1/libfini/carried/$(libc_version chroot "$other")" "$other/libfini/build"
    done
}

run() {
    root=$roots/$1 log=$roots/$1.log
    begun=$(($(seconds) - $(cat "$root.begun")))
    carry_to "$1"
    sh "$here/in-root.sh" "$root" "$source" "$go_on" >"$log" 2>&1
    status=$?
    counted=$(counts "$log" "$(echo "$targets" | wc -w)") || status=1
    echo "$(libc_version chroot "$root") ($1): $counted, $(($(seconds) - begun)) seconds"
    versions "$root"
    [ $status = 0 ] || echo "$1: see $log"
    return $status
}

# Wine of Debian for i386 runs programs for x86, which this machine's own does not. They are built
# here.
run_x86() {
    made wine32 bookworm i386 wine,wine32
    status=$?
    [ $status != 77 ] || return 0
    [ $status = 0 ] || return 1
    begun=$(seconds)
    FINI_WINE32_ROOT=$root "$build/tests/runner" -j 1 -v -f /i686 "$build/tests/windows/windows" \
        >>"$log" 2>&1
    status=$?
    counted=$(counts "$log" 1) || status=1
    version=$(chroot "$root" dpkg-query -W -f='${Version}' wine32)
    echo "Wine $version (x86): $counted, $(($(seconds) - begun)) seconds"
    [ $status = 0 ] || echo "wine32: see $log"
    return $status
}

mkdir -p "$roots" || exit 1
roots=$(cd "$roots" && pwd)
ninja -C "$build" --quiet tests/matrix/gcc-O2 || exit 1
for release; do
    prepare "$release" || failed=1
done
for release; do
    [ ! -f "$roots/$release.begun" ] || run "$release" || failed=1
done
run_x86 || failed=1
exit $failed
