#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a corpus, and runs the fuzzers over it for a bounded time: small files of each format, what
# fini why reads of a process, and what an agent has written into its ring.
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

# A process with all that fini why looks for in its loader's list, as glibc has it and as musl has.
# shellcheck disable=SC2086
make_live_corpus() {
    mkdir "$work/corpus" "$work/new"
    library only $small <<'END'
__asm__(".globl unique; .type unique,%gnu_unique_object; .data; unique: .long 1;"
        ".size unique,4; .text");
extern int unique;
int *at_unique = &unique;
END
    echo 'int in_base = 1;' | library base -Wl,-soname,base.so $small
    echo 'extern int in_base; int *user(void) { return &in_base; }' | library user $small
    library needs $small -L"$work" -Wl,--no-as-needed -l:base.so -Wl,-rpath,"$work" </dev/null
    record glibc "$build/tests/command/why_host" global "$work/base.so" open "$work/user.so" \
        open "$work/needs.so" open "$work/only.so" space "$work/base.so"
    command -v musl-gcc >/dev/null || return 0
    printf '#include <%s.h>\n' dlfcn stdio >"$work/host.c"
    echo 'int main(int n, char **a) { return dlopen(a[2], RTLD_NOW) ? puts("ready"),
        fflush(stdout), getchar() == EOF ? 0 : 1 : 2; }' >>"$work/host.c"
    musl-gcc -w "$work/host.c" -o "$work/musl_host"
    record musl "$work/musl_host" open "$work/base.so"
}

# record NAME PROGRAM ARGUMENT...: each way of showing it, by two bytes of the head.
record() {
    name=$1
    shift
    rm -f "$work/in"
    mkfifo "$work/in"
    "$@" <"$work/in" >"$work/host" 2>&1 &
    host=$!
    exec 9>"$work/in"
    until grep -q ready "$work/host"; do
        kill -0 "$host" 2>/dev/null || fail "not started: $(cat "$work/host")"
        sleep 0.1
    done
    status=0
    "$build/tests/fuzz-command/live-record" "$host" "$work/record" || status=$?
    exec 9>&-
    wait "$host" || fail "the host of $name"
    same "status of the record of $name" "$status" 0
    for ways in '\000\000' '\001\000' '\000\001' '\001\001'; do
        { head -c 92 "$work/record"; printf "$ways"; tail -c +95 "$work/record"; } \
            >"$work/corpus/$name$(printf %s "$ways" | tr -d '\\')"
    done
}

# A program that writes down its own ring: the places are those of agent.h.
make_ring_corpus() {
    mkdir "$work/corpus" "$work/new"
    library plugin <<'END'
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
static pthread_key_t key;
static void end(void *a) { (void)a; }
static void nothing(void) { }
void use(void)
{
    pthread_key_create(&key, end);
    signal(SIGUSR2, (void (*)(int))nothing);
    atexit(nothing);
    pthread_atfork(nothing, nothing, nothing);
}
END
    printf '#include <%s.h>\n' dlfcn pthread stdio stdlib string >"$work/dump.c"
    cat >>"$work/dump.c" <<'END'
static char *ring;
static void dump(void)
{
    FILE *file = fopen(getenv("DUMP"), "w");
    for (unsigned long i = 0; i < *(unsigned long *)(ring + 64); i++)
        fwrite(ring + 192 + i * 128 + 8, 1, 120, file);
    fclose(file);
}
static void *run(void *a) { return a; }
int main(int n, char **a)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    pthread_t thread;
    while (!ring && fgets(line, sizeof line, maps))
        if (strstr(line, "fini-trace")) ring = (char *)strtoul(line, 0, 16);
    atexit(dump);
    pthread_create(&thread, 0, run, 0);
    pthread_join(thread, 0);
    for (int i = 0; i < 2; i++) {
        void *h = dlopen(a[1], RTLD_NOW);
        ((void (*)(void))dlsym(h, "use"))();
        if (i) dlopen(a[1], RTLD_NOW);
        dlclose(h);
    }
    return 0;
}
END
    cc -w "$work/dump.c" -o "$work/dump" -pthread -ldl
    DUMP=$work/ring "$fini" trace -o "$work/said" "$work/dump" "$work/plugin.so"
    for ways in '\000\000\000' '\001\000\000' '\002\376\377'; do
        { printf "$ways"; cat "$work/ring"; } >"$work/corpus/ring$(printf %s "$ways" | tr -d '\\')"
    done
}

# fuzz FUZZER OPTION...: with the corpus that has been made, and what is kept of that fuzzer.
fuzz() {
    name=${1%-fuzz}
    fuzzer=$build/tests/fuzz-command/$1
    shift
    mkdir "$work/kept"
    for file in "$FINI_SOURCE/tests/fuzz-command/kept/$name"-*; do
        [ ! -f "$file" ] || cp "$file" "$work/kept"
    done
    "$fuzzer" -artifact_prefix="$work/" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 "$@" \
        "$work/new" "$work/corpus" "$work/kept" >"$work/log" 2>&1 || {
        for crash in "$work"/crash-* "$work"/oom-* "$work"/timeout-*; do
            [ ! -f "$crash" ] || base64 "$crash"
        done
        fail "$(tail -n 60 "$work/log")"
    }
}

has_fuzzers() {
    [ -x "$build/tests/fuzz-command/image-fuzz" ] || skip 'there is no clang to build the fuzzers'
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
    has_fuzzers
    make_corpus
    fuzz image-fuzz -runs=0
}

case_image_mutations() # timeout=120 slow=1
{
    has_fuzzers
    make_corpus
    fuzz image-fuzz -max_total_time=15 -runs=1000000 -max_len=16384 -seed=1
}

case_pin_mutations() # timeout=60 slow=1
{
    has_fuzzers
    make_corpus
    fuzz pin-fuzz -max_total_time=8 -runs=3000000 -max_len=16384 -seed=1
}

case_live_mutations() # timeout=60 slow=1
{
    has_fuzzers
    make_live_corpus
    fuzz live-fuzz -max_total_time=10 -runs=1000000 -max_len=32768 -seed=1
}

case_ring_mutations() # timeout=60 slow=1
{
    has_fuzzers
    make_ring_corpus
    fuzz ring-fuzz -max_total_time=10 -runs=1000000 -max_len=16384 -seed=1
}

# shows FUZZER FILE: what the fuzzer makes of one file of the corpus, in $work/said.
shows() {
    FINI_FUZZ_SHOW=1 "$build/tests/fuzz-command/$1" "$work/corpus/$2" >"$work/said" 2>&1 ||
        fail "$(cat "$work/said")"
}

# From the records follows what follows from the process, or the fuzzers begin with nothing.
case_live_corpus() # timeout=60
{
    has_fuzzers
    make_live_corpus
    shows live-fuzz 'glibc000001'
    said 'user.so: stays'
    said '1 x opened'
    said 'pinned for ever: it defines the unique symbol unique'
    said 'needed by needs.so'
    said 'a symbol of it is bound by user.so'
    said '(in namespace 1)'
    shows live-fuzz 'glibc001000'
    said '"kind":"bound"'
    [ ! -f "$work/corpus/musl000000" ] || shows live-fuzz 'musl000000'
}

case_ring_corpus() # timeout=60
{
    has_fuzzers
    make_ring_corpus
    shows ring-fuzz 'ring000000000'
    said 'plugin.so  by '
    said 'FINI-E201'
    said 'FINI-E208'
    shows ring-fuzz 'ring001000000'
    said '"event":"stays"'
    shows ring-fuzz 'ring002376377'
    said '"ph":"b"'
}

protocol "$@"
