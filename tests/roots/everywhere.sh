#!/bin/sh
# SPDX-License-Identifier: MIT
#
# everywhere.sh SOURCE BUILD ROOTS RELEASE... - the tests on the libc and compilers of other
# releases of Debian.
#
# Decides: which targets are run there, and to count: one line a release. All else that was said is
# in ROOTS/RELEASE.log.
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

# The runner's last lines, one a target, together.
counts() {
    awk -v targets="$(echo "$targets" | wc -w)" '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/ { p += $1; f += $3; s += $5; n++ }
        END { printf "%d passed, %d failed, %d skipped", p, f, s; exit n != targets }' "$1"
}

# prepare RELEASE: a root, and in it a first variant of the matrix. Leaves .begun where it is there.
prepare() {
    root=$roots/$1 log=$roots/$1.log
    rm -f "$root.begun"
    sh "$here/make-root.sh" "$1" "$root" >"$log" 2>&1
    status=$?
    if [ $status = 77 ]; then
        echo "$1: skipped: $(sed -n '$s/^SKIP: //p' "$log")"
        return 0
    fi
    begun=$(seconds)
    [ $status = 0 ] && sh "$here/in-root.sh" "$root" "$source" "$begin" >>"$log" 2>&1 || {
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
    counted=$(counts "$log") || status=1
    echo "$(libc_version chroot "$root") ($1): $counted, $(($(seconds) - begun)) seconds"
    versions "$root"
    [ $status = 0 ] || echo "$1: see $log"
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
exit $failed
