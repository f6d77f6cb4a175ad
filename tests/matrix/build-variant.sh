#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build-variant.sh STAMP SOURCE AMALGAMATION NAME=VALUE... - builds one variant of the matrix.
#
# Decides: what a variant consists of: a directory STAMP.d with the plugin, the libraries around
# it, and the host programs, all under the same names in each variant.
# Leaves to meson.build which variants there are, to matrix.c what is run in them.
#
#   cc        compiler                           hostcc     the same for the hosts
#   cflags    of the plugin and libfini          hostflags  of the hosts, compiling and linking
#   ldflags   of the plugin                      finiflags  of libfini, besides cflags
#   cxxflags  of the plugin, besides cflags      linked     no: without the linked-in programs
#   lang      of the plugin: c or c++            archive    libfini.a to take instead of fini.c
#   hostmore  one more source file of each host  hostlink   what the linker gets for the hosts
#   strip     a command to strip the plugin      staticpie  no: without that one of them
#   order     fini-first: libfini stands before the plugin when they are linked
#   carried   a folder to take the plugin from, built
set -eu

stamp=$1 source=$2 amalgamation=$3
shift 3
cc=cc cflags=-O2 cxxflags= ldflags= finiflags= lang=c archive= strip= order= carried=
hostcc= hostflags=-O1 hostmore= hostlink= linked=yes staticpie=yes
for setting; do
    name=${setting%%=*}
    eval "$name=\${setting#*=}"
done

dir=$stamp.d
mkdir -p "$dir"
case $lang in
c) std=-std=gnu11 ;;
*) std='-std=c++11 -fno-exceptions -fno-rtti -fno-threadsafe-statics '$cxxflags ;;
esac
warnings='-Wall -Wextra -Werror'
include="-I$source -I$amalgamation -D_GNU_SOURCE"

# The words of a setting are separate arguments.
fini() { $cc $warnings $include -std=gnu11 $cflags $finiflags "$@"; }
plugin() { $cc $warnings $include -x $lang $std $cflags "$@"; }
link_plugin() { $cc -shared $cflags "$@" $ldflags; }
library() { ${hostcc:-$cc} -O1 $warnings $include -shared -fPIC "$@"; }
ordered() { if [ "$order" ]; then echo "$libfini $1"; else echo "$1 $libfini"; fi; }
host() { ${hostcc:-$cc} $warnings $include -std=gnu11 $hostflags "$@"; }

# The plugin.
build_plugin() {
    plugin -fPIC -c "$source/plugin.c" -o "$dir/plugin.o"
    if [ "$archive" ]; then
        libfini=$archive
    else
        libfini=$dir/fini.o
        fini -fPIC -c "$amalgamation/fini.c" -o "$libfini"
    fi
    link_plugin $(ordered "$dir/plugin.o") -Wl,-soname,plugin.so -o "$dir/plugin.so"
    link_plugin $(ordered "$dir/plugin.o") -Wl,-soname,kept.so \
        -Wl,--no-as-needed "$dir/keeper.so" -Wl,-rpath,"\$ORIGIN" -o "$dir/kept.so"
    link_plugin -Wl,-u,fini_why "$libfini" -Wl,-soname,silent.so -o "$dir/silent.so"
}

library "$source/keeper.c" -Wl,-soname,keeper.so -o "$dir/keeper.so"
if [ "$carried" ]; then
    cp "$carried/plugin.so" "$carried/kept.so" "$carried/silent.so" "$dir"
else
    build_plugin
fi
if [ "$strip" ]; then
    $strip "$dir/plugin.so" "$dir/kept.so"
fi

# The libraries around it.
library "$source/needs.c" -Wl,--no-as-needed "$dir/plugin.so" -Wl,-rpath,"\$ORIGIN" \
    -o "$dir/needs.so"
library "$source/broken.c" -Wl,-z,lazy -o "$dir/broken.so"
library -DIN_CONSTRUCTOR=host_in_constructor -DIN_FINALIZER=host_in_finalizer \
    "$source/caller.c" -o "$dir/caller.so"
library -DIN_CONSTRUCTOR=host_in_startup_constructor -DIN_FINALIZER=host_in_startup_finalizer \
    "$source/caller.c" -o "$dir/early.so"

# The hosts that load it.
more=
if [ "$hostmore" ]; then
    more=$dir/more.o
    host -fno-builtin -fPIE -c "$hostmore" -o "$more"
fi
objects=$more
for unit in host ways-exit ways-in ways-loader; do
    host -fPIE -c "$source/$unit.c" -o "$dir/$unit.o"
    objects="$objects $dir/$unit.o"
done
host -pie -rdynamic $objects -pthread -ldl $hostlink -o "$dir/host"
host -pie -rdynamic $objects -pthread -ldl $hostlink -Wl,--no-as-needed "$dir/plugin.so" \
    -Wl,-rpath,"\$ORIGIN" -o "$dir/host-startup"

# The hosts that it is linked into.
link_host() { $cc $cflags $more "$@" -pthread $ldflags $hostlink; }

# lld 11 with glibc 2.31: no static-pie starts (seen). The matrix says so where there is none.
drop_if_none_starts() {
    [ -z "$hostcc" ] || return 0
    echo 'int main(void) { return 0; }' | $cc $cflags -fPIE -x c -c - -o "$dir/nothing.o"
    link_host -static-pie "$dir/nothing.o" -o "$dir/nothing"
    "$dir/nothing" || rm "$1"
}
if [ "$linked" = yes ]; then
    host -fPIE -c "$source/ways-linked.c" -o "$dir/ways-linked.o"
    objects="$dir/host.o $dir/ways-exit.o $dir/ways-linked.o $(ordered "$dir/plugin.o")"
    link_host -pie $objects -o "$dir/linked"
    if [ "$staticpie" = yes ]; then
        link_host -static-pie $objects -o "$dir/linked-static-pie"
        drop_if_none_starts "$dir/linked-static-pie"
    fi
    plugin -fno-pie -c "$source/plugin.c" -o "$dir/plugin-nopie.o"
    objects="$dir/host-nopie.o $dir/ways-exit.o $dir/ways-linked.o"
    objects="$objects $(ordered "$dir/plugin-nopie.o")"
    host -fno-pie -c "$source/host.c" -o "$dir/host-nopie.o"
    link_host -no-pie $objects -o "$dir/linked-nopie"
    link_host -static $objects -o "$dir/linked-static"
fi

touch "$stamp"
