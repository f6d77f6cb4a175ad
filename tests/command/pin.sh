#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini pin: the mark does what it says, nothing else changes, and what is not safe is refused.
. "$FINI_SOURCE/tests/command/libraries.sh"

prepare() {
    echo 'int one(void) { return 1; }' | library plain "$@"
}

# stays_or_goes NAME stayed|gone: what the loader does.
stays_or_goes() {
    "$fini" check --color=never --probe "$work/$1.so" >"$work/said" || :
    said "tried: $2"
}

case_pins_and_unpins() # timeout=60
{
    prepare
    cp "$work/plain.so" "$work/kept.so"
    stays_or_goes plain gone
    "$fini" pin --try "$work/plain.so" >"$work/said"
    said 'plain.so: pinned'
    stays_or_goes plain stayed
    "$fini" pin "$work/plain.so" >"$work/said"
    said 'already pinned'
    "$fini" pin --unpin --try "$work/plain.so" >"$work/said"
    said 'plain.so: not pinned'
    stays_or_goes plain gone
    cmp "$work/plain.so" "$work/kept.so"
}

# Of a whole file, only the mark.
case_changes_nothing_else() # timeout=60
{
    for options in '' '-Wl,-z,now' '-Wl,-z,nodelete'; do
        # shellcheck disable=SC2086
        prepare $options
        "$fini" pin -q "$work/plain.so" -o "$work/pinned.so"
        "$fini" pin -q -u "$work/plain.so" -o "$work/unpinned.so"
        for result in pinned unpinned; do
            cmp -l "$work/plain.so" "$work/$result.so" >"$work/changes" || :
            [ "$(wc -l <"$work/changes")" -le 5 ] || fail "changed: $(cat "$work/changes")"
            readelf -SW "$work/$result.so" >"$work/sections" 2>&1
            ! grep -qi warning "$work/sections" || fail "$(cat "$work/sections")"
        done
        readelf -d "$work/pinned.so" | grep -q NODELETE || fail "not pinned: $options"
        ! readelf -d "$work/unpinned.so" | grep -q NODELETE || fail "pinned: $options"
        stays_or_goes pinned stayed
        stays_or_goes unpinned gone
    done
}

case_other_flags_stay() # timeout=60
{
    prepare -Wl,-z,now -Wl,-z,nodelete
    "$fini" pin -q --unpin "$work/plain.so"
    readelf -d "$work/plain.so" >"$work/said"
    said 'FLAGS_1)            Flags: NOW'
    not_said NODELETE
}

case_other_machines() # timeout=60
{
    done=0
    for triple in i686-linux-gnu s390x-linux-gnu arm-linux-gnueabihf aarch64-linux-gnu; do
        command -v "$triple-gcc" >/dev/null || continue
        compiler=$triple-gcc
        prepare -nostdlib
        cp "$work/plain.so" "$work/kept.so"
        "$fini" pin -q "$work/plain.so"
        readelf -d "$work/plain.so" | grep -q NODELETE || fail "not pinned: $triple"
        "$fini" pin -q -u "$work/plain.so"
        cmp "$work/plain.so" "$work/kept.so"
        done=1
    done
    [ "$done" = 1 ] || skip 'no compiler for another machine'
}

# refuses TEXT ARGUMENT...: and nothing has changed.
refuses() {
    text=$1
    shift
    cp "$work/plain.so" "$work/kept.so"
    status=0
    "$fini" pin "$@" >"$work/said" 2>&1 || status=$?
    same status "$status" 2
    said "$text"
    same lines "$(wc -l <"$work/said" | tr -d ' ')" 1
    cmp "$work/plain.so" "$work/kept.so"
    same 'files left' "$(ls "$work" | grep -c '^plain.so')" 1
}

case_refuses() # timeout=60
{
    prepare
    refuses 'not an ELF file' "$work/plain.c"
    refuses 'No such file' "$work/none.so"
    refuses 'not a file' /dev/null
    : >"$work/empty"
    refuses 'not an ELF file' "$work/empty"
    cc -c "$work/plain.c" -o "$work/plain_o"
    refuses 'not a shared library' "$work/plain_o"
    refuses 'a program' "$fini"
    refuses 'No such file' "$work/plain.so" -o "$work/none/there.so"
    mkdir "$work/folder"
    refuses 'not a file' "$work/plain.so" -o "$work/folder"
    mkfifo "$work/fifo"
    refuses 'not a file' "$work/plain.so" -o "$work/fifo"
    [ -p "$work/fifo" ] || fail 'the output took the place of what was no file'
    ln "$work/plain.so" "$work/other"
    refuses 'hard links' "$work/plain.so"
}

case_refuses_without_a_spare_entry() # timeout=60
{
    compiler=clang
    prepare -fuse-ld=lld
    readelf -d "$work/plain.so" | grep -q FLAGS_1 && skip 'this lld writes FLAGS_1'
    refuses 'no spare entry' "$work/plain.so"
}

case_refuses_signed() # timeout=60
{
    prepare
    printf '~Module signature appended~\n' >>"$work/plain.so"
    refuses 'it is signed' "$work/plain.so"
}

case_refuses_damaged() # timeout=60
{
    prepare
    for size in 10 63 64 200; do
        head -c "$size" "$work/plain.so" >"$work/cut"
        refuses '' "$work/cut"
    done
}

# Tried first: a library that stays for another reason is not unpinned in vain.
case_tries() # timeout=60
{
    {
        echo 'template <class T> struct box { static int value; };'
        echo 'template <class T> int box<T>::value = 1;'
        echo 'int use() { return ++box<long>::value; }'
    } | library_cxx plain -Wl,-z,nodelete
    refuses 'it stays all the same' --unpin --try "$work/plain.so"
    echo 'extern int missing; int *use(void) { return &missing; }' | library plain
    refuses 'cannot be loaded here' --try "$work/plain.so"
    echo '__attribute__((constructor)) static void start(void) { __builtin_trap(); }' |
        library plain
    refuses 'it ends the process that loads and unloads it' --try "$work/plain.so"
}

# Ended while the result is being tried.
case_leaves_nothing_when_it_is_ended() # timeout=60
{
    {
        echo '#include <unistd.h>'
        echo '__attribute__((constructor)) static void start(void) { for (;;) pause(); }'
    } | library plain
    cp "$work/plain.so" "$work/kept.so"
    for number in TERM HUP; do
        "$fini" pin --try "$work/plain.so" &
        pinning=$!
        until grep -qs 'plain\.so\.' /proc/[0-9]*/maps; do
            kill -0 $pinning 2>/dev/null || fail 'it has ended too soon'
            sleep 0.02
        done
        kill -$number $pinning
        status=0
        wait $pinning || status=$?
        [ "$status" -gt 128 ] || fail "status $status"
        same 'files left' "$(ls "$work" | grep -c '^plain.so')" 1
        cmp "$work/plain.so" "$work/kept.so"
    done
}

case_keeps_owner_and_mode() # timeout=60
{
    prepare
    chmod 2751 "$work/plain.so"
    [ "$(id -u)" != 0 ] || chown 1234:4321 "$work/plain.so"
    chmod 2751 "$work/plain.so"
    before=$(stat -c '%a %u %g %s' "$work/plain.so")
    ln -s plain.so "$work/link.so"
    "$fini" pin -q "$work/link.so"
    same properties "$(stat -c '%a %u %g %s' "$work/plain.so")" "$before"
    [ -L "$work/link.so" ] || fail 'the link is gone'
    readelf -d "$work/plain.so" | grep -q NODELETE || fail 'not pinned'
}

# The output may be there already, and be the input by another name.
case_output_that_is_there() # timeout=60
{
    prepare
    echo old >"$work/old"
    ln -s old "$work/link"
    "$fini" pin -q "$work/plain.so" -o "$work/link"
    [ -L "$work/link" ] || fail 'the link is gone'
    readelf -d "$work/old" | grep -q NODELETE || fail 'not written where the link leads'
    chmod 2751 "$work/plain.so"
    ln -s plain.so "$work/same.so"
    "$fini" pin -q "$work/plain.so" -o "$work/same.so"
    same mode "$(stat -c %a "$work/plain.so")" 2751
    readelf -d "$work/plain.so" | grep -q NODELETE || fail 'not pinned'
    "$fini" pin -q -u "$work/plain.so"
    ln "$work/plain.so" "$work/other.so"
    refuses 'hard links' "$work/plain.so" -o "$work/same.so"
    "$fini" pin -q -u "$work/plain.so"
}

# A program that has it mapped goes on with the old one.
case_a_mapped_library_is_not_written() # timeout=60
{
    prepare
    before=$(stat -c %i "$work/plain.so")
    "$fini" pin -q "$work/plain.so"
    [ "$(stat -c %i "$work/plain.so")" != "$before" ] || fail 'written in place'
}

protocol "$@"
