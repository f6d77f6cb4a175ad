#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a corpus of small files of each format, and runs the fuzzers over it for a bounded time.
. "$FINI_SOURCE/tests/command/libraries.sh"

# One library with everything that a reader looks for.
everything() {
    echo 'extern int __cxa_atexit(void (*)(void *), void *, void *);'
    echo 'extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);'
    echo 'extern int pthread_key_create(unsigned *, void (*)(void *));'
    echo 'extern void *dlopen(const char *, int);'
    echo '__thread int local[4];'
    echo '__asm__(".globl unique; .type unique,%gnu_unique_object; .data; unique: .long 1;"'
    echo '        ".size unique,4; .text");'
    echo 'extern int unique;'
    echo 'static void end(void *a) { unique++; }'
    echo 'int use(unsigned *k) { dlopen("x", 0x1002); pthread_key_create(k, end);'
    echo '    return unique + local[1] + __cxa_atexit(end, 0, 0) +'
    echo '        __cxa_thread_atexit_impl(end, 0, &unique); }'
}

small='-nostdlib -Wl,-z,noseparate-code -Wl,--build-id=none -ftls-model=initial-exec'

make_corpus() {
    mkdir "$work/corpus" "$work/new"
    everything >"$work/everything"
    for debug in -g0 '-g1 -gdwarf-4' '-g -gdwarf-5' '-g -gz=zlib'; do
        # shellcheck disable=SC2086
        library all $small $debug <"$work/everything"
        cp "$work/all.so" "$work/corpus/elf$(echo $debug | tr -d ' -')"
    done
    # shellcheck disable=SC2086
    library all $small -g0 -s -Wl,--hash-style=sysv -Wl,-z,nodelete <"$work/everything"
    cp "$work/all.so" "$work/corpus/elf-marked"
    compiler=clang
    # shellcheck disable=SC2086
    library all $small -g0 -fuse-ld=lld <"$work/everything"
    cp "$work/all.so" "$work/corpus/elf-lld"
    for triple in i686-linux-gnu s390x-linux-gnu; do
        command -v $triple-gcc >/dev/null || continue
        compiler=$triple-gcc
        echo '__thread int n; int use(void) { return n; }' |
            library all -g0 -s -nostdlib -ftls-model=initial-exec
        cp "$work/all.so" "$work/corpus/elf-$triple"
    done
    macho all 6 __objc_imageinfo 15 128 7
    cp "$work/all.so" "$work/corpus/macho"
    fat "$work/all.so" >"$work/corpus/macho-fat"
    fat64 "$work/all.so" >"$work/corpus/macho-fat64"
    pe >"$work/corpus/pe"
}

# A DLL with one section and one import by name, by hand: what a linker makes is large.
pe() {
    pe_header '\000\002\000\000'
    printf '\050\020\000\000' && zeros 8 && printf '\140\020\000\000\050\020\000\000' && zeros 20
    printf '\110\020\000\000' && zeros 4 && printf '\130\020\000\000' && zeros 20
    printf '\000\000FlsAlloc\000\000\000\000\000\000\000\000\000\000' && zeros 200
}

# fuzz FUZZER OPTION...
fuzz() {
    fuzzer=$build/tests/fuzz-command/$1
    shift
    [ -x "$fuzzer" ] || skip 'there is no clang to build the fuzzer'
    make_corpus
    "$fuzzer" -artifact_prefix="$work/" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 "$@" \
        "$work/new" "$work/corpus" >"$work/log" 2>&1 || {
        for crash in "$work"/crash-* "$work"/oom-* "$work"/timeout-*; do
            [ ! -f "$crash" ] || base64 "$crash"
        done
        fail "$(tail -n 60 "$work/log")"
    }
}

# Each is what it is to be, or the fuzzers begin with nothing.
case_corpus() # timeout=60
{
    make_corpus
    for file in "$work"/corpus/*; do
        cp "$file" "$work/one.so"
        status=0
        "$fini" check "$work/one.so" >"$work/said" 2>&1 || status=$?
        same "status of $file" "$status" 1
    done
}

case_image_corpus() # timeout=60
{
    fuzz image-fuzz -runs=0
}

case_image_mutations() # timeout=120 slow=1
{
    fuzz image-fuzz -max_total_time=15 -runs=1000000 -max_len=16384 -seed=1
}

case_pin_mutations() # timeout=60 slow=1
{
    fuzz pin-fuzz -max_total_time=8 -runs=3000000 -max_len=16384 -seed=1
}

protocol "$@"
