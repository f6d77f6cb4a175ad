#!/bin/sh
# SPDX-License-Identifier: MIT
#
# cc.sh COMPILER ARGUMENT... - gcc or clang for musl, where that is installed beside another libc.
#
# Decides: where its headers and start files are, and what -static-pie means: the wrapper that
# comes with musl (musl-gcc) does not know it, and there is none for clang.
set -eu

compiler=$1
shift
include=${MUSL_INCLUDE:-/usr/include/x86_64-linux-musl}
lib=${MUSL_LIB:-/usr/lib/x86_64-linux-musl}
loader=${MUSL_LOADER:-/lib/ld-musl-x86_64.so.1}

part() { gcc -print-file-name="$1"; }

links=yes kind=pie bare=
for argument; do
    case $argument in
    -c | -E | -S | -M | -MM | --version) links= ;;
    -nostartfiles) bare=yes ;;
    -shared | -static | -static-pie | -no-pie) kind=${argument#-} ;;
    esac
done

# Their own headers come last: musl has most of those that compilers bring, too.
case $compiler in
clang*)
    set -- --target=x86_64-linux-musl -Qunused-arguments "$@"
    own=$("$compiler" -print-resource-dir)/include
    ;;
*) own=$(part include) ;;
esac
if [ -z "$links" ]; then
    exec "$compiler" -nostdinc -isystem "$include" -isystem "$own" "$@"
fi

begin=$lib/crti.o end=$lib/crtn.o
case $kind in
shared) begin="$begin $(part crtbeginS.o)" end="$(part crtendS.o) $end" how= ;;
static) begin="$lib/crt1.o $begin $(part crtbeginT.o)" end="$(part crtend.o) $end" how= ;;
no-pie) begin="$lib/crt1.o $begin $(part crtbegin.o)" end="$(part crtend.o) $end" how= ;;
pie) begin="$lib/Scrt1.o $begin $(part crtbeginS.o)" end="$(part crtendS.o) $end" how=-pie ;;
static-pie)
    begin="$lib/rcrt1.o $begin $(part crtbeginS.o)" end="$(part crtendS.o) $end"
    how='-static -Wl,-pie,--no-dynamic-linker,-z,text'
    ;;
esac
[ -z "$bare" ] || begin= end=
case $kind in
pie | no-pie) how="$how -Wl,-dynamic-linker,$loader" ;;
esac
# Between start and end files; -static-pie is spelled as above.
count=$#
while [ "$count" -gt 0 ]; do
    [ "$1" = -static-pie ] || set -- "$@" "$1"
    shift
    count=$((count - 1))
done
exec "$compiler" -nostdinc -isystem "$include" -isystem "$own" -nostdlib -nostartfiles \
    -L"$lib" $how $begin "$@" -lc -lgcc $end
