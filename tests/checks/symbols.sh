#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Names: libfini exports none from the image that embeds it, and asks only libc for what it needs.
. "$FINI_SOURCE/tests/checks/protocol.sh"

# What fini.c may ask for. Each is in libc since glibc 2.17, or weak in fini.c. A name more here is
# a decision: does it exist in old glibc, in a static program, and may it be called there?
libc='bindtextdomain
__cxa_atexit __cxa_finalize __cxa_thread_atexit_impl __errno_location free getauxval malloc mmap
pthread_setcancelstate _r_debug secure_getenv sigfillset syscall memcmp memcpy memset strlen bcmp'
# What compilers and start files add.
added='_DYNAMIC _GLOBAL_OFFSET_TABLE_ __stack_chk_fail _ITM_deregisterTMCloneTable
_ITM_registerTMCloneTable __gmon_start__ __dso_handle __ehdr_start'

object() {
    compiler=$1
    shift
    (cd "$build/amalgamation" && "$compiler" -fPIC "$@" -c fini.c -o "$work/fini.o")
}

# A plugin without code of its own that exports anything.
sources() {
    sed 's/printf(.*/(void)why;/; s/fflush.*//; /stdio/d' "$here/plugin.c" >"$work/plugin.c"
    cp "$work/plugin.c" "$work/plugin.cpp"
}

exports_nothing() {
    same "exported from $1" "$(nm -D --defined-only "$1")" ''
}

# plugin COMPILER [OPTION...]: the plugin and fini.c, linked.
plugin() {
    sources
    compiler=$1
    shift
    case $compiler in
    *++) object "${embedder:-gcc}" && set -- "$@" "$work/plugin.cpp" "$work/fini.o" ;;
    *) set -- "$@" "$work/plugin.c" "$build/amalgamation/fini.c" ;;
    esac
    "$compiler" -shared -fPIC -I"$build/amalgamation" "$@" -o "$work/plugin.so"
    exports_nothing "$work/plugin.so"
}

case_none_in_c() # timeout=240
{
    plugin gcc
    plugin gcc -O2
    plugin gcc -O2 -flto
    plugin clang -O2
    plugin clang -O2 -fuse-ld=lld
    plugin clang -O2 -fuse-ld=lld -flto
}

case_none_in_cpp() # timeout=240
{
    plugin g++
    plugin g++ -O2 -flto
    embedder=clang
    plugin clang++ -O2
    plugin clang++ -O2 -fuse-ld=lld
}

case_none_from_the_archive() # timeout=240
{
    sources
    gcc -shared -fPIC -I"$build/amalgamation" "$work/plugin.c" "$build/libfini.a" \
        -o "$work/plugin.so"
    exports_nothing "$work/plugin.so"
    clang -shared -fPIC -fuse-ld=lld -I"$build/amalgamation" "$work/plugin.c" \
        "$build/libfini.a" -o "$work/plugin.so"
    exports_nothing "$work/plugin.so"
    gcc -shared -fPIC -Wl,-u,fini_why "$build/libfini.a" -o "$work/plugin.so"
    exports_nothing "$work/plugin.so"
}

# global ARCHIVE: name and visibility of what it defines for others.
globals() {
    readelf -sW "$1" | awk '$5 == "GLOBAL" || $5 == "WEAK" { if ($7 != "UND") print $8, $6 }'
}

all_are_ours() {
    globals "$1" >"$work/globals"
    grep -q '^fini_add HIDDEN$' "$work/globals" || fail 'fini_add is not there'
    if grep -vE '^fini_[a-z0-9_]+ HIDDEN$' "$work/globals"; then
        fail "in $1: not named fini_..., or not hidden"
    fi
}

case_all_in_the_archive_are_hidden() # timeout=240
{
    all_are_ours "$build/libfini.a"
    cp "$build/libfini.a" "$work/bad.a"
    echo 'int other;' >"$work/other.c"
    cc -c "$work/other.c" -o "$work/other.o"
    ar r "$work/bad.a" "$work/other.o"
    refused 'not hidden' all_are_ours "$work/bad.a"
}

asks_only_libc() {
    nm -u "$1" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >"$work/undefined"
    printf '%s\n' $libc $added fini_unload_handler fini_exit_handler | sort -u >"$work/known"
    comm -23 "$work/undefined" "$work/known" >"$work/unknown"
    [ ! -s "$work/unknown" ] || fail "unknown names: $(tr '\n' ' ' <"$work/unknown")"
}

case_asks_only_libc() # timeout=240
{
    for compiler in gcc clang; do
        for level in 0 2 s; do
            object $compiler -O$level -fno-builtin
            asks_only_libc "$work/fini.o"
            object $compiler -O$level
            asks_only_libc "$work/fini.o"
        done
    done
    echo 'int stray(void); int f(void) { return stray(); }' >"$work/stray.c"
    cc -fPIC -c "$work/stray.c" -o "$work/stray.o"
    refused 'unknown names: stray' asks_only_libc "$work/stray.o"
}

# A static program lacks them; a plugin on an old system may.
case_these_are_weak() # timeout=240
{
    object gcc -O2
    for name in bindtextdomain __cxa_thread_atexit_impl _r_debug pthread_setcancelstate; do
        nm -u "$work/fini.o" | grep -qxE " *w $name" || fail "not weak: $name"
    done
}

# What a plugin needs at run time is libc.so alone.
case_needs_only_libc() # timeout=240
{
    plugin gcc -O2
    same needed "$(readelf -d "$work/plugin.so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')" libc.so.6
}

# A linker asks for the version of each name, of weak ones too, and a libc that lacks one refuses
# to load the image.
asks_no_newer_than() {
    readelf -VW "$1" | sed -n 's/.*Name: GLIBC_\([0-9.]*\) .*/\1/p' | sort -uV >"$work/versions"
    [ -s "$work/versions" ] || fail "no versions in $1"
    same "the newest glibc asked for by $1" \
        "$({ cat "$work/versions"; echo "$2"; } | sort -V | tail -n 1)" "$2"
}

case_loads_in_old_libcs() # timeout=240
{
    for compiler in gcc clang; do
        plugin $compiler -O2
        asks_no_newer_than "$work/plugin.so" 2.18
    done
    refused 'the newest glibc' asks_no_newer_than "$work/plugin.so" 2.2.5
}

protocol "$@"
