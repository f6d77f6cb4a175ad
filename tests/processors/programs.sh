#!/bin/sh
# SPDX-License-Identifier: MIT
#
# programs.sh STAMP SOURCE TRIPLET FAMILY TABLES EMULATOR - the test programs of other folders,
# built by their own meson.build for another processor, in STAMP.d.
#
# Decides: which of them; that each case is run through EMULATOR (may be empty), but for those that
# the list qemu-cannot names with a reason, and mark-cannot unless TABLES is "true".
# Leaves to others: what they test. In C alone: there need be no compiler for C++.
set -eu
stamp=$1 source=$2 triplet=$3 family=$4 tables=$5 emulator=${6-}
mkdir -p "$stamp.d"
dir=$(cd "$stamp.d" && pwd)

# Meson tries both compilers, and has to be able to run what the one for C++, this machine's, makes.
cat >"$dir/run" <<EOF
#!/bin/sh
[ "\$(od -An -tu2 -j18 -N2 "\$1" | tr -d ' ')" != 62 ] || exec "\$@"
exec ${emulator:+$emulator -L /usr/$triplet} "\$@"
EOF
chmod +x "$dir/run"
cat >"$dir/cross" <<EOF
[binaries]
c = '$triplet-gcc'
cpp = 'g++'
ar = '$triplet-ar'
strip = '$triplet-strip'
exe_wrapper = '$dir/run'
[properties]
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = '$([ "$family" = s390x ] && echo big || echo little)'
EOF
if ! [ -f "$dir/build/build.ninja" ]; then
    meson setup --cross-file "$dir/cross" "$dir/build" "$source" >"$dir/setup.log" ||
        { cat "$dir/setup.log"; exit 1; }
fi

here=$source/tests/processors
lists=
[ -z "$emulator" ] || lists="$here/qemu-cannot"
[ "$tables" = true ] || lists="$lists $here/mark-cannot"

# What is instrumented, mutated, in C++, or looks at another process is for this machine; a
# static-pie cannot be linked everywhere.
others='tsan|asan|clang|deadlocks|throws|litmus-|stress-|life-|gate-host|values_window|hooks_held'
[ -f "/usr/$triplet/lib/rcrt1.o" ] || others="$others|static-pie"
targets=$(ninja -C "$dir/build" -t targets all | sed 's/: .*//' |
    grep -E '^tests/(hooks|mapped|values|workers|gates)/[^/]*$' | grep -Ev "$others")
# shellcheck disable=SC2086
ninja -C "$dir/build" $targets >"$dir/build.log" || { tail -20 "$dir/build.log"; exit 1; }

for target in $targets; do
    folder=$(basename "$(dirname "$target")") name=$(basename "$target")
    case $folder-$name in
    hooks-hooks_* | mapped-mapped_* | values-values_* | workers-workers_*) ;;
    gates-litmus | gates-stress | gates-life) name=gates_$name ;;
    *) continue ;;
    esac
    cat >"$dir/$name" <<EOF
#!/bin/sh
if [ "\$1" = --case ] && [ "$lists" ]; then
    reason=\$(cat /dev/null $lists | sed -n -e "s|^$name/\$2: ||p" -e "s|^${name}_$family/\$2: ||p")
    [ ! "\$reason" ] || { echo "SKIP: \$reason"; exit 77; }
fi
exec ${emulator:+$emulator -L /usr/$triplet} '$dir/build/$target' "\$@"
EOF
    chmod +x "$dir/$name"
done
touch "$stamp"
