#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini check: each cause in a library that has it, and its absence in one that has not.
. "$FINI_SOURCE/tests/command/libraries.sh"

case_clean_library() # timeout=60
{
    echo 'int one(void) { return 1; }' | library clean
    clean clean
    echo 'int one(void) { return 1; }' | compiler=clang library lld -fuse-ld=lld
    clean lld
    printf '#include <stdlib.h>\nstatic void f(void) {}\nvoid g(void) { atexit(f); }\n' |
        library handler
    clean handler
    printf '#include <string>\nstd::string s(int n) { return std::to_string(n); }\n' |
        library_cxx plain -fvisibility=hidden -fno-gnu-unique
    clean plain
}

case_nodelete() # timeout=60
{
    echo 'int one(void) { return 1; }' | library marked -Wl,-z,nodelete
    finds marked FINI-E001 stays 'DT_FLAGS_1: NODELETE  .dynamic'
}

# Of two entries with one tag the loader believes the last (elf/get-dynamic-info.h).
case_two_entries_of_a_tag() # timeout=60
{
    echo 'int one(void) { return 1; }' | library twice
    "$fini" pin -q "$work/twice.so"
    set -- $(readelf -dW "$work/twice.so" |
        sed -n 's/^Dynamic section at offset \(0x[0-9a-f]*\) contains \([0-9]*\) entries:$/\1 \2/p')
    printf '\373\377\377\157\000\000\000\000\000\000\000\000\000\000\000\000' |
        dd of="$work/twice.so" bs=1 seek=$(($1 + ($2 - 1) * 16)) conv=notrunc 2>/dev/null
    same entries "$(readelf -dW "$work/twice.so" | grep -c FLAGS_1)" 2
    clean twice
    "$fini" check --probe "$work/twice.so" >"$work/said"
    said 'tried: gone'
}

unique_source() {
    echo 'template <class T> struct box { static int value; };'
    echo 'template <class T> int box<T>::value = 1;'
    echo 'int use() { return ++box<long>::value; }'
}

case_unique_symbols() # timeout=60
{
    unique_source | library_cxx unique
    finds unique FINI-E002 stays 'box<long>::value'
    said "unique.cpp:"
    unique_source | library_cxx stripped -s
    finds stripped FINI-E002 stays 'box<long>::value  .data'
    unique_source | library_cxx cured -fno-gnu-unique
    clean cured
    unique_source | library_cxx hidden -fvisibility=hidden
    clean hidden
}

# A library that never unloads, and that the image needs, uses a symbol that the image defines too.
case_symbols_that_residents_use() # timeout=60
{
    echo 'int shared(void) { return 1; } int use(void) { return shared(); }' |
        library resident -Wl,-z,nodelete -Wl,-z,now
    echo 'int use(void); int shared(void) { return 2; } int own(void) { return use(); }' \
        >"$work/source"
    library bound "$work/resident.so" <"$work/source"
    finds bound FINI-E012 stays 'shared  used by resident.so'
    "$fini" check --probe "$work/bound.so" >"$work/said" || :
    said 'tried: stayed'
    library cured "$work/resident.so" -fvisibility=hidden <"$work/source"
    check 0 "$work/cured.so"
    # Bound when it is called first.
    echo 'int shared(void) { return 1; } int use(void) { return shared(); }' |
        library resident -Wl,-z,nodelete -Wl,-z,lazy
    finds bound FINI-E013 'may stay' 'shared  used by resident.so'
    "$fini" check --probe "$work/bound.so" >"$work/said" || :
    said 'unloads (tried: gone; as it was read, it may stay)'
    LD_BIND_NOW=1 "$fini" check --probe "$work/bound.so" >"$work/said" || :
    said 'stays (tried: stayed; as it was read, it may stay)'
}

# RPATH serves for what the needed library needs, too; RUNPATH does not.
case_libraries_by_the_path_of_the_loader() # timeout=60
{
    mkdir "$work/only"
    echo 'int shared(void) { return 1; } int use(void) { return shared(); }' |
        library resident -Wl,-z,nodelete,-z,now,-soname,libresident.so
    mv "$work/resident.so" "$work/only/libresident.so"
    echo 'int use(void); int middle(void) { return use(); }' |
        library middle -Wl,-soname,libmiddle.so "$work/only/libresident.so"
    mv "$work/middle.so" "$work/only/libmiddle.so"
    echo 'int middle(void); int shared(void) { return 2; } int own(void) { return middle(); }' \
        >"$work/source"
    library bound "$work/only/libmiddle.so" -Wl,--disable-new-dtags,-rpath,'$ORIGIN/only' \
        <"$work/source"
    finds bound FINI-E012 stays 'shared  used by libresident.so'
    "$fini" check --probe "$work/bound.so" >"$work/said" || :
    said 'stays (tried: stayed)'
    library cannot "$work/only/libmiddle.so" -Wl,--enable-new-dtags,-rpath,'$ORIGIN/only' \
        <"$work/source"
    check 0 "$work/cannot.so"
    said FINI-E014
    said '      libresident.so  needed by libmiddle.so'
    "$fini" check --probe "$work/cannot.so" >"$work/said" || :
    said 'tried: not-loaded'
}

# The loader's cache, in both forms that ldconfig writes: until glibc 2.32 the old one stood before
# the other.
case_libraries_in_the_cache() # timeout=60
{
    unshare -m true 2>/dev/null || skip 'no mount namespaces here'
    [ -x /sbin/ldconfig ] || skip 'no ldconfig'
    mkdir "$work/only"
    echo 'int shared(void) { return 1; } int use(void) { return shared(); }' |
        library resident -Wl,-z,nodelete,-z,now,-soname,libcached.so
    mv "$work/resident.so" "$work/only/libcached.so"
    echo 'int use(void); int shared(void) { return 2; } int own(void) { return use(); }' |
        library bound "$work/only/libcached.so"
    echo "$work/only" >"$work/conf"
    check 0 "$work/bound.so"
    said '      libcached.so  needed by bound.so'
    for form in new compat; do
        /sbin/ldconfig -X -c $form -f "$work/conf" -C "$work/cache" 2>/dev/null ||
            skip 'this ldconfig knows no forms'
        unshare -m sh -c 'mount --bind "$1" /etc/ld.so.cache && exec "$2" check "$3"' sh \
            "$work/cache" "$fini" "$work/bound.so" >"$work/said" 2>&1 || :
        ! grep -q '^mount:' "$work/said" || skip 'nothing can be mounted'
        said 'shared  used by libcached.so'
    done
}

case_circle_with_a_resident() # timeout=60
{
    echo 'int one(void) { return 1; }' | library circle
    echo 'int two(void) { return 2; }' |
        library resident -Wl,-z,nodelete -Wl,--no-as-needed "$work/circle.so"
    echo 'int one(void) { return 1; }' | library circle -Wl,--no-as-needed "$work/resident.so"
    finds circle FINI-E012 stays 'the library itself  needed by resident.so'
    "$fini" check --probe "$work/circle.so" >"$work/said" || :
    said 'stays (tried: stayed)'
}

# loader_says_nothing NAME: LD_DEBUG does not say that, or why, it stays; but of a library
# with unique symbols it does.
loader_says_nothing() {
    LD_DEBUG=bindings,files "$work/load" "$work/$1.so" >/dev/null 2>"$work/debug"
    grep -qF "$1.so" "$work/debug" || fail 'LD_DEBUG says nothing at all'
    ! grep 'NODELETE' "$work/debug" | grep -F "$1.so" || fail 'it does say so'
}

# What the page says of LD_DEBUG.
case_the_loader_is_silent() # timeout=60
{
    cc -w "$here/load.c" -o "$work/load"
    unique_source | library_cxx unique
    LD_DEBUG=bindings,files "$work/load" "$work/unique.so" >/dev/null 2>"$work/debug"
    grep NODELETE "$work/debug" | grep -qF unique.so || skip 'this LD_DEBUG says other things'
    {
        echo 'struct value { int n = 0; ~value() { n = 1; } };'
        echo 'static thread_local value v; static int used = ++v.n;'
    } | library_cxx local
    loader_says_nothing local
    finds local FINI-E003 'may stay' '__cxa_thread_atexit'
    echo 'int shared(void) { return 1; } int use(void) { return shared(); }' |
        library resident -Wl,-z,nodelete -Wl,-z,now
    echo 'int use(void); int shared(void) { return 2; } int own(void) { return use(); }' |
        library bound "$work/resident.so"
    loader_says_nothing bound
    finds bound FINI-E012 stays 'shared  used by resident.so'
}

# The same with libstdc++, by one line of C++.
case_symbols_that_libstdcxx_uses() # timeout=60
{
    {
        echo '#include <ostream>'
        echo 'extern "C" void plugin(std::ostream &s) { s << 1 << std::endl; }'
    } >"$work/source"
    library_cxx widens -O2 <"$work/source"
    check 1 "$work/widens.so"
    grep -q FINI-E012 "$work/said" || skip 'this compiler makes no copy of do_widen'
    said 'std::ctype<char>::do_widen(char) const  used by libstdc++.so.6'
    "$fini" check --probe "$work/widens.so" >"$work/said" || :
    said 'stays (tried: stayed)'
    echo '{ global: plugin; local: *; };' >"$work/map"
    library_cxx cured -O2 -Wl,--version-script="$work/map" <"$work/source"
    clean cured
    "$fini" check --probe "$work/cured.so" >"$work/said" || :
    said 'unloads (tried: gone)'
}

# Of two definitions of a unique symbol the image's own is found before that of what it needs.
case_unique_symbols_of_two_images() # timeout=60
{
    unique_source | library_cxx first
    unique_source | sed 's/int use()/int more()/' |
        library_cxx second -Wl,--no-as-needed "$work/first.so"
    finds second FINI-E002 stays 'box<long>::value'
    "$fini" check --probe "$work/second.so" >"$work/said" || :
    said 'stays (tried: stayed)'
}

# Where a library is missing, what the image alone says counts.
case_missing_dependency() # timeout=60
{
    unique_source | library_cxx first
    unique_source | library_cxx second -Wl,--no-as-needed "$work/first.so"
    rm "$work/first.so"
    finds second FINI-E002 stays 'box<long>::value'
    said FINI-E014
    said "      $work/first.so  needed by second.so"
}

case_thread_local_objects() # timeout=60
{
    {
        echo 'struct value { int n = 0; ~value() { n = 1; } };'
        echo 'static thread_local value v;'
        echo 'int use() { return ++v.n; }'
    } | library_cxx local
    finds local FINI-E003 'may stay' '__cxa_thread_atexit'
    said "local.cpp:"
    echo 'static thread_local int n; int use() { return ++n; }' | library_cxx trivial
    clean trivial
}

case_thread_destructors_in_c() # timeout=60
{
    {
        echo 'extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);'
        echo 'extern void *__dso_handle;'
        echo 'static void end(void *v) {}'
        echo 'void use(void) { __cxa_thread_atexit_impl(end, 0, &__dso_handle); }'
    } | library registers
    finds registers FINI-E004 'may stay' '__cxa_thread_atexit_impl'
    said "registers.c:4"
}

case_rust() # timeout=120
{
    command -v rustc >/dev/null || skip 'no rustc'
    {
        echo 'thread_local! { static V: std::cell::RefCell<String> = Default::default(); }'
        echo '#[no_mangle] pub extern "C" fn use_it() { V.with(|v| v.borrow_mut().clear()); }'
    } >"$work/local.rs"
    rustc --edition 2021 --crate-type cdylib -o "$work/local.so" "$work/local.rs" ||
        skip 'rustc does not work here'
    finds local FINI-E004 'may stay' "__cxa_thread_atexit_impl, in Rust's standard library"
}

case_go() # timeout=60
{
    echo 'int one(void) { return 1; }' | library go
    echo 'go' >"$work/info"
    objcopy --add-section .go.buildinfo="$work/info" "$work/go.so"
    finds go FINI-E005 unloads 'runtime  .go.buildinfo'
}

case_static_tls() # timeout=60
{
    source_of='__thread char room[64]; char *use(void) { return room; }'
    echo "$source_of" | library initial -ftls-model=initial-exec
    finds initial FINI-E006 unloads '64 bytes for each thread  DT_FLAGS: STATIC_TLS'
    echo "$source_of" | library dynamic
    clean dynamic
    # An offset of another library's variable takes nothing.
    echo 'extern __thread char room[]; char *use(void) { return room; }' |
        library other -ftls-model=initial-exec
    clean other
}

case_thread_keys() # timeout=60
{
    {
        echo '#include <pthread.h>'
        echo 'static pthread_key_t key;'
        echo 'void start(void) { pthread_key_create(&key, 0); }'
        echo '#ifdef CURED'
        echo '__attribute__((destructor)) static void end(void) { pthread_key_delete(key); }'
        echo '#endif'
        echo '#ifdef MANY'
        seq 19 | sed 's/.*/void more&(void) { pthread_key_create(\&key, 0); }/'
        echo '#endif'
    } >"$work/source"
    library left <"$work/source"
    finds left FINI-E007 unloads 'pthread_key_create'
    said 'left.c:3'
    # The linker's stub, which jumps there, is no call.
    same 'places' "$(grep -c '^      pthread_key_create' "$work/said")" 1
    for compiler in gcc clang; do
        {
            echo '#include <pthread.h>'
            echo 'pthread_key_t key;'
            echo 'int start(void) { return pthread_key_create(&key, 0); }'
        } | library last -O2 -fno-plt
        finds last FINI-E007 unloads pthread_key_create
        said 'last.c:3'
        same places "$(grep -c '^      pthread_key_create' "$work/said")" 1
    done
    compiler=
    library many -DMANY <"$work/source"
    check 1 "$work/many.so"
    same 'places' "$(grep -c '^      pthread_key_create  .*/many.c:' "$work/said")" 8
    said '      and 12 more'
    library deleted -DCURED <"$work/source"
    clean deleted
}

# libgcc asks so whether there are threads (gthr-posix.h), in all C++ code with a mutex, until glibc
# 2.34.
case_a_function_that_is_only_compared() # timeout=60
{
    {
        echo 'extern int __pthread_key_create(unsigned *, void (*)(void *)) __attribute__((weak));'
        echo 'int active(void) { return __pthread_key_create != 0; }'
        echo '#ifdef USED'
        echo 'int use(unsigned *k) { return active() ? __pthread_key_create(k, 0) : 0; }'
        echo '#endif'
    } >"$work/source"
    library asks <"$work/source"
    clean asks
    library uses -DUSED <"$work/source"
    finds uses FINI-E007 unloads __pthread_key_create
    said 'uses.c:4'
}

case_handlers_without_an_owner() # timeout=60
{
    {
        echo '#include <stdlib.h>'
        echo 'static void f(int s, void *a) {}'
        echo 'void start(void) { on_exit(f, 0); }'
    } | library leaves
    finds leaves FINI-E008 unloads on_exit
    said 'leaves.c:3'
    {
        echo 'extern int __cxa_atexit(void (*)(void *), void *, void *);'
        echo 'extern void *__dso_handle;'
        echo 'volatile int n; static void f(void *a) { n++; }'
        echo 'int start(void *a) { return __cxa_atexit(f, a, OWNER) + 1; }'
    } >"$work/source"
    for compiler in gcc clang; do
        library "null_$compiler" -DOWNER=0 <"$work/source"
        finds "null_$compiler" FINI-E008 unloads '__cxa_atexit(..., ..., NULL)'
        said "null_$compiler.c:4"
        library "owned_$compiler" -DOWNER='&__dso_handle' <"$work/source"
        clean "owned_$compiler"
    done
}

# Bytes in the middle of an instruction are none.
case_constants_are_those_of_instructions() # timeout=60
{
    [ "$(uname -m)" = x86_64 ] || skip 'machine code of x86-64'
    {
        echo 'extern void *__dso_handle __attribute__((visibility("hidden")));'
        echo '__asm__(".text; .globl owned; owned: push %rbx;"'
        echo '  "lea __dso_handle(%rip),%rdx;"'
        echo '  ".byte 0x48,0x8d,0x35,0x31,0xd2,0,0;" /* lea 0xd231(%rip),%rsi */'
        echo '  "mov %r12,%rdi; call __cxa_atexit@plt; pop %rbx; ret;"'
        echo '  ".globl two; two: push %rbx; lea __dso_handle(%rip),%rdx;"'
        echo '  ".byte 0x48,0x8d,0x3d,0x31,0xd2,1,0;" /* lea 0x1d231(%rip),%rdi */'
        echo '  "mov %rbx,room(%rip); movq $0,room(%rip);"'
        echo '  "call __cxa_atexit@plt; pop %rbx; ret; .local room; .comm room,8");'
    } >"$work/source"
    library owned <"$work/source"
    clean owned
    {
        cat "$work/source"
        echo '__asm__(".globl none; none: push %rbx; xor %edx,%edx; movups %xmm0,8(%rsp);"'
        echo '  "movl $1,-8(%rsp,%rbx,4); lea room(%rip),%r8; movzbl 5(%rbx),%r10d;"'
        echo '  "mov $7,%edi; call __cxa_atexit@plt; pop %rbx; ret");'
    } | library none
    finds none FINI-E008 unloads '__cxa_atexit(..., ..., NULL)'
    same calls "$(grep -c '^      __cxa_atexit' "$work/said")" 1
}

case_no_start_files() # timeout=60
{
    {
        echo 'extern int __cxa_atexit(void (*)(void *), void *, void *);'
        echo 'void *__dso_handle = &__dso_handle;'
        echo 'static void f(void *a) {}'
        echo 'void start(void) { __cxa_atexit(f, 0, &__dso_handle); }'
    } | library alone -nostartfiles
    finds alone FINI-E009 unloads __cxa_atexit
}

case_fork_handlers() # timeout=60
{
    {
        echo '#include <pthread.h>'
        echo 'static void f(void) {}'
        echo 'void start(void) { pthread_atfork(f, f, f); }'
    } | library forks
    check 0 "$work/forks.so"
    said FINI-E010
}

case_pins_itself() # timeout=60
{
    {
        echo '#include <dlfcn.h>'
        echo '__attribute__((constructor)) static void start(void)'
        echo '{'
        echo '    Dl_info info;'
        echo '    if (dladdr((void *)start, &info)) dlopen(info.dli_fname, FLAGS);'
        echo '}'
    } >"$work/source"
    library pins -DFLAGS='RTLD_NOW | RTLD_NODELETE' <"$work/source"
    finds pins FINI-E011 'may stay' 'dlopen(..., RTLD_NODELETE)'
    said 'pins.c:5'
    library opens -DFLAGS='RTLD_NOW | RTLD_GLOBAL' <"$work/source"
    clean opens
}

case_other_machines() # timeout=60
{
    echo '__thread int n; int use(void) { return n; }' >"$work/source"
    for triple in aarch64-linux-gnu arm-linux-gnueabihf i686-linux-gnu s390x-linux-gnu \
        powerpc64le-linux-gnu riscv64-linux-gnu; do
        command -v "$triple-gcc" >/dev/null || continue
        compiler=$triple-gcc
        library foreign -Wl,-z,nodelete -ftls-model=initial-exec -nostdlib <"$work/source"
        finds foreign FINI-E001 stays 'DT_FLAGS_1: NODELETE'
        said FINI-E006
        library foreign -nostdlib <"$work/source"
        not_seen=no
        check 0 "$work/foreign.so"
    done
    [ "${not_seen-}" ] || skip 'no compiler for another machine'
}

case_compressed_debug_data() # timeout=60
{
    unique_source | library_cxx packed -gz=zlib
    finds packed FINI-E002 stays 'box<long>::value'
    said 'packed.cpp:'
}

# The real thing, where there is one.
case_go_itself() # timeout=120
{
    command -v go >/dev/null || skip 'no go'
    mkdir "$work/go"
    printf 'package main\nimport "C"\n//export plugin\nfunc plugin() int { return 1 }\n' \
        >"$work/go/main.go"
    echo 'func main() {}' >>"$work/go/main.go"
    (cd "$work/go" && HOME=$work GOCACHE=$work/cache GO111MODULE=off GOFLAGS= \
        go build -buildmode=c-shared -o "$work/real.so" main.go) || skip 'go does not work here'
    chmod -R u+w "$work"
    finds real FINI-E005 stays 'runtime'
    said FINI-E001
    status=0
    "$fini" pin --unpin "$work/real.so" >"$work/said" 2>&1 || status=$?
    same status "$status" 2
    said 'the Go runtime'
}

# Without sections an image is read as the loader reads it: e_shoff, e_shnum, e_shstrndx are 0.
case_without_sections() # timeout=60
{
    unique_source | library_cxx none
    zero() {
        head -c "$2" /dev/zero | dd of="$work/none.so" bs=1 seek="$1" conv=notrunc 2>/dev/null
    }
    zero 40 8
    zero 60 4
    finds none FINI-E002 stays 'box<long>::value'
}

# A DLL with 65536 imports and more, whose names all have no end: looking for the end of each takes
# time without one.
case_dll_of_names_without_an_end() # timeout=60
{
    {
        pe_header '\000\000\000\002'
        printf '\050\020\000\000\000\000\000\000\000\000\000\000\140\020\000\000\050\020\000\000'
        head -c 20 /dev/zero
        yes 1234567 | head -n 130555 | tr '1234567\n' '\000\000\020\000\000\000\000\000'
        head -c 33000000 /dev/zero | tr '\000' x
    } >"$work/names.so"
    timeout 10 "$fini" check --color=never "$work/names.so" >"$work/said" || fail "status $?"
    same said "$(cat "$work/said")" "$work/names.so: unloads"
}

case_dll() # timeout=60
{
    command -v x86_64-w64-mingw32-gcc >/dev/null || skip 'no compiler for Windows'
    {
        echo '#define _WIN32_WINNT 0x0601'
        echo '#include <windows.h>'
        echo 'static DWORD slot;'
        echo '__declspec(dllexport) void start(void)'
        echo '{'
        echo '    HMODULE own;'
        echo '    slot = FlsAlloc(NULL);'
        echo '    if (PIN) GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN, "a", &own);'
        echo '    if (FREE) FlsFree(slot);'
        echo '}'
    } >"$work/dll.c"
    for target in x86_64 i686; do
        command -v $target-w64-mingw32-gcc >/dev/null || continue
        $target-w64-mingw32-gcc -O1 -shared -DPIN=1 -DFREE=0 "$work/dll.c" -o "$work/bad.so"
        finds bad FINI-E020 'may stay' GetModuleHandleExA
        said FINI-E021
        $target-w64-mingw32-gcc -O1 -shared -DPIN=0 -DFREE=1 "$work/dll.c" -o "$work/good.so"
        clean good
    done
}

# What clang and lld make, without anything of Apple's.
case_macho_of_a_linker() # timeout=60
{
    linker=$(clang -print-prog-name=ld64.lld)
    [ -x "$linker" ] || skip 'no ld64.lld'
    echo '__thread int n; int use(void) { return ++n; }' >"$work/local.c"
    echo 'int use(void) { return 1; }' >"$work/plain.c"
    {
        echo '__attribute__((objc_root_class)) @interface A + (int)x; @end'
        echo '@implementation A + (int)x { return 1; } @end'
    } >"$work/objc.m"
    for arch in x86_64 arm64; do
        for source in local.c plain.c objc.m; do
            clang -target $arch-apple-macos11 -c "$work/$source" -o "$work/one.o"
            for type in dylib bundle; do
                "$linker" -$type -arch $arch -platform_version macos 11.0 11.0 \
                    -undefined dynamic_lookup -o "$work/${source%.*}_$type.so" "$work/one.o"
            done
        done
        finds local_dylib FINI-E032 stays 'thread-local variables'
        finds local_bundle FINI-E032 stays 'thread-local variables'
        finds objc_dylib FINI-E030 stays 'Objective-C  __DATA_CONST,__objc_imageinfo'
        clean objc_bundle
        clean plain_dylib
        clean plain_bundle
    done
}

case_macho() # timeout=60
{
    macho objc 6 __objc_imageinfo 0 0 0
    finds objc FINI-E030 stays 'Objective-C  __DATA,__objc_imageinfo'
    macho bundle 8 __objc_imageinfo 0 0 0
    clean bundle
    macho swift 8 __objc_imageinfo 0 0 7
    finds swift FINI-E031 stays 'Swift, binary interface 7  __DATA,__objc_imageinfo'
    macho local 6 __data 0 128 0
    finds local FINI-E032 stays 'thread-local variables  header: HAS_TLV_DESCRIPTORS'
    macho dtrace 6 __dof 15 0 0
    finds dtrace FINI-E033 stays 'probes  __DATA,__dof'
    macho plain 6 __data 0 0 7
    clean plain
    # The same, in a file for one processor of several, by either kind of table.
    fat "$work/swift.so" >"$work/fat.so"
    finds fat FINI-E031 stays Swift
    fat64 "$work/swift.so" >"$work/fat64.so"
    finds fat64 FINI-E031 stays Swift
    head -c 100 "$work/fat64.so" >"$work/cut.so"
    check 2 "$work/cut.so"
    said 'damaged: an architecture is not in the file'
    # Archives for several processors are no damaged libraries.
    { echo '!<arch>' && cat "$work/plain.so"; } >"$work/archive"
    mkdir "$work/folder"
    fat "$work/archive" >"$work/folder/all.a"
    check 0 "$work/folder"
    check 2 "$work/folder/all.a"
    said 'not a shared library'
}

protocol "$@"
