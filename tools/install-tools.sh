#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the Debian packages that the tests need, as root or with sudo; else names them.
set -eu
packages="meson ninja-build gcc g++ clang lld libclang-rt-14-dev valgrind gdb pkgconf binutils
lua5.4 liblua5.4-dev sqlite3 libsqlite3-dev
spin liburcu-dev"

missing=
for package in $packages; do
    if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$'; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

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
