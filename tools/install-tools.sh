#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install-tools.sh [BUILD]: installs the Debian packages that the tests need, as root or with sudo;
# else names them. Into the build folder, what comes from elsewhere. Nothing in the roots of
# check-everywhere, which say TOOLS_ARE_HERE: what they lack is skipped there.
set -eu
[ -z "${TOOLS_ARE_HERE-}" ] || exit 0
build=${1-build}
sh "$(dirname "$0")/fetch-macos-compiler.sh" "$build/macos-compiler"
packages="meson ninja-build gcc g++ clang lld libclang-rt-14-dev valgrind gdb pkgconf binutils
lua5.4 liblua5.4-dev sqlite3 libsqlite3-dev
spin liburcu-dev debootstrap
libelf-dev libdw-dev libjson-c-dev libc6-dbg mandoc zsh apache2-bin
musl-tools gcc-mingw-w64-x86-64 gcc-mingw-w64-i686 g++-mingw-w64-x86-64 wine wine64
qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
gcc-arm-linux-gnueabihf libc6-dev-armhf-cross gcc-i686-linux-gnu libc6-dev-i386-cross libc6-i386
gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
gcc-s390x-linux-gnu libc6-dev-s390x-cross"

install_missing() {
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif command -v sudo >/dev/null 2>&1; then
        sudo=sudo
    else
        echo "Please install:$missing" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get -q update >/dev/null
    # shellcheck disable=SC2086
    $sudo apt-get -q install -y --no-install-recommends $missing >/dev/null
}

missing=
for package in $packages; do
    if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$'; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] || install_missing
sh "$(dirname "$0")/unpack-nginx.sh" "$build/nginx"
