#!/bin/sh
# SPDX-License-Identifier: MIT
#
# systems.sh - other systems on this machine: musl, Windows by Wine, aarch64 by qemu. To be sourced
# after protocol.sh.
#
# Decides: how their compilers and programs are run.
# Leaves to others: what is done with them. What is missing skips the case.

need() {
    command -v "$1" >/dev/null 2>&1 || skip "there is no $1 (Debian's package $2)"
}

need_musl() {
    need musl-gcc musl-tools
}

# Nothing of it needs a display, and no program shall ask for Mono or a browser.
use_wine() {
    WINEDEBUG=-all
    WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
    export WINEDEBUG WINEDLLOVERRIDES
    unset DISPLAY
}

# A folder of the build, because making it takes seconds; Wine writes nowhere else.
need_wine() {
    need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
    need wine wine
    WINEPREFIX=$build/wine
    export WINEPREFIX
    use_wine
}

# in_wine PROGRAM...: what it prints has plain line ends.
in_wine() {
    wine "$@" >"$work/in_wine" </dev/null || fail "failed in Wine: $*"
    tr -d '\r' <"$work/in_wine"
    wineserver -k || :
}

need_aarch64() {
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
    need qemu-aarch64 qemu-user
    qemu='qemu-aarch64 -L /usr/aarch64-linux-gnu'
}
