#!/bin/sh
# SPDX-License-Identifier: MIT
#
# `make install`: what it installs, and that a plugin can be built with what pkg-config says of it.
. "$FINI_SOURCE/tests/checks/protocol.sh"

# In a copy, because make builds beside the sources; without tests and benchmarks, which are not
# installed.
install_copy() {
    mkdir "$work/tree"
    for file in "$source"/*; do
        case ${file##*/} in
        build | tests | bench) ;;
        *) cp -R "$file" "$work/tree" ;;
        esac
    done
    mkdir "$work/tree/tests" "$work/tree/bench"
    : >"$work/tree/tests/meson.build"
    : >"$work/tree/bench/meson.build"
    make -C "$work/tree" install PREFIX=/opt/place DESTDIR="$work/root" >"$work/log" 2>&1 ||
        fail "$(tail -n 30 "$work/log")"
    prefix=$work/root/opt/place
}

# The root folder stands for / in all that pkg-config says.
find_package() {
    install_copy
    pc=$(find "$prefix" -name fini.pc)
    [ -n "$pc" ] || fail 'no fini.pc'
    PKG_CONFIG_PATH=${pc%/*}
    PKG_CONFIG_SYSROOT_DIR=$work/root
    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS
    cc "$here/load.c" -o "$work/load" -ldl
}

# plugin SOURCE [OPTION...]
plugin() {
    # shellcheck disable=SC2046
    cc -shared -fPIC -Wall -Wextra -Werror "$@" $(pkg-config --cflags --libs fini) \
        -o "$work/plugin.so"
    "$work/load" "$work/plugin.so" >"$work/said"
}

case_installs() # timeout=240
{
    install_copy
    cmp "$prefix/include/fini.h" "$source/include/fini.h"
    [ -n "$(find "$prefix"/lib* -name libfini.a)" ] || fail 'no libfini.a'
    [ -n "$(find "$prefix"/lib*/ -path '*/pkgconfig/fini.pc')" ] || fail 'no fini.pc'
    # Nothing is written beside the place that was asked for.
    same places "$(cd "$work/root" && find . -type f -not -path './opt/place/*')" ''
}

case_package_is_usable() # timeout=240
{
    find_package
    version=$(sed -n 's/^#define FINI_VERSION "\(.*\)"$/\1/p' "$source/include/fini.h")
    same version "$(pkg-config --modversion fini)" "$version"
    plugin "$here/plugin.c"
    same plugin "$(cat "$work/said")" "$(printf 'hook: unload\nclosed')"
    plugin "$here/plugin.c" -fuse-ld=lld -Wl,--gc-sections
    same lld "$(cat "$work/said")" "$(printf 'hook: unload\nclosed')"
}

# Wherever the tree has been moved to.
case_command_is_usable() # timeout=240
{
    install_copy
    [ -x "$prefix/bin/fini" ] || skip 'fini is not built here'
    status=0
    "$prefix/bin/fini" check --probe "$prefix/libexec/fini/fini-probe" >"$work/said" 2>&1 ||
        status=$?
    same 'status for a program' "$status" 2
    echo 'int one(void) { return 1; }' | cc -x c -shared -fPIC - -o "$work/one.so"
    "$prefix/bin/fini" check --probe "$work/one.so" >"$work/said"
    same said "$(cat "$work/said")" "$work/one.so: unloads (tried: gone)"
    printf '#include <dlfcn.h>\nint main(void) { return dlclose(dlopen("%s", RTLD_NOW)); }\n' \
        "$work/one.so" | cc -x c - -o "$work/opener"
    "$prefix/bin/fini" trace -o "$work/said" "$work/opener"
    grep -q " unload $work/one.so  by main of opener" "$work/said" || fail "$(cat "$work/said")"
    for file in share/man/man1/fini.1 share/man/man1/fini-check.1 share/man/man1/fini-pin.1 \
        share/man/man1/fini-run.1 share/man/man1/fini-trace.1 \
        share/man/man1/fini-why.1 libexec/fini/fini-sample.so libexec/fini/fini-sample-user.so \
        share/bash-completion/completions/fini share/zsh/site-functions/_fini; do
        [ -f "$prefix/$file" ] || fail "not installed: $file"
    done
}

# Nothing refers to libfini then: what pkg-config says has to bring it in.
case_handler_alone_is_enough() # timeout=240
{
    find_package
    {
        echo '#include <fini.h>'
        echo '#include <stdio.h>'
        echo 'void fini_unload_handler(void) { puts("handler"); fflush(stdout); }'
    } >"$work/handler.c"
    plugin "$work/handler.c"
    same handler "$(cat "$work/said")" "$(printf 'handler\nclosed')"
    plugin "$work/handler.c" -fuse-ld=lld -Wl,--gc-sections
    same lld "$(cat "$work/said")" "$(printf 'handler\nclosed')"
}

protocol "$@"
