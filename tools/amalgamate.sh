#!/bin/sh
# SPDX-License-Identifier: MIT
#
# amalgamate.sh SOURCE_DIR OUTPUT_DIR: writes fini.h and fini.c, the two files to embed.
#
# Each project header is put in where it is first included and left out after that; but one that a
# file for some systems includes, is put in again for others. What a file defines keeps its name,
# because all sources share one naming scheme. Needs a POSIX shell and awk.
set -eu
source=$1
output=$2
mkdir -p "$output"
cp "$source/include/fini.h" "$output/fini.h.new"
version=$(sed -n 's/^#define FINI_VERSION "\(.*\)"$/\1/p' "$source/include/fini.h")

# What a program calls often comes first: the size of the rest counts more than its speed.
files="src/lock.c src/hooks.c src/platform/self.c
src/error.c src/reason.c src/generation.c src/keep.c
src/hold.c src/local.c src/worker.c src/gate.c src/trace.c src/image.c src/platform/unwind.c
src/platform/objects.c src/platform/words.c src/platform/stack.c src/platform/references.c
src/platform/fences.c src/platform/values.c src/platform/workers.c src/platform/calls.c
src/platform/linux.c src/platform/posix.c src/platform/environment.c src/platform/domains.c
src/platform/record.c src/platform/exit_calls.c src/platform/key.c src/platform/glibc.c
src/platform/musl.c src/platform/plain.c src/platform/naps.c src/platform/array.c
src/platform/images.c src/platform/linkmaps.c src/platform/loader_thread.c src/platform/leaving.c
src/platform/pages.c src/platform/ends.c src/platform/without.c src/platform/issetugid.c
src/platform/handlers.c src/platform/macos.c src/platform/freebsd.c src/platform/openbsd.c
src/platform/netbsd.c src/platform/illumos.c src/platform/bionic.c
src/platform/none.c
src/platform/windows.c src/platform/windows_threads.c"

{
    echo "/* SPDX-License-Identifier: MIT"
    echo " *"
    echo " * fini.c - libfini $version in one file, generated from its sources: finalizers that"
    echo " * know why they run. Add it and fini.h to the sources of your library; see fini.h."
    echo " */"
    # What a platform file needs to ask of libc has to come before the first header.
    echo "#ifndef _GNU_SOURCE"
    echo "#define _GNU_SOURCE"
    echo "#endif"
    echo "#ifndef __EXTENSIONS__"
    echo "#define __EXTENSIONS__ 1"
    echo "#endif"
    echo "#ifndef _NETBSD_SOURCE"
    echo "#define _NETBSD_SOURCE 1"
    echo "#endif"
    # One file has no need of functions that cross files. The unit tests, which bring a platform of
    # their own, have two.
    echo "#if defined(__GNUC__) && !defined(FINI_PLATFORM_FAKE)"
    echo "#define FINI_INTERNAL static __attribute__((unused))"
    echo "#endif"
    for file in $files; do
        printf '%s\n' "$file"
    done | awk -v source="$source" '
        function base(path) { sub(/.*\//, "", path); return path }
        function find(name,   dirs, n, i, path, line) {
            n = split("src/ src/platform/ include/", dirs, " ")
            for (i = 1; i <= n; i++) {
                path = source "/" dirs[i] name
                if ((getline line < path) > 0) { close(path); return path }
                close(path)
            }
            print "amalgamate: no header " name > "/dev/stderr"
            exit 1
        }
        # The same line in each: under which condition it is all there.
        function is_needed(name) { return !(name in seen) && !((name, condition) in seen_if) }
        function note(name) { if (condition) seen_if[name, condition]; else seen[name] }
        function emit(path, title,   line, name) {
            print ""
            print "/* ==== " title " ==== */"
            while ((getline line < path) > 0) {
                if (line ~ /SPDX-License-Identifier/ && line !~ /\*\//) { print "/*"; continue }
                if (line ~ /^#ifdef FINI_(PLATFORM|USES|WITHOUT)_/) condition = line
                if (line ~ /^#include "/) {
                    name = line
                    sub(/^#include "/, "", name); sub(/".*/, "", name)
                    name = base(name)
                    if (!is_needed(name)) continue
                    note(name)
                    if (name == "fini.h") print "#include \"fini.h\""
                    else emit(find(name), name)
                    continue
                }
                print line
            }
            close(path)
        }
        function small() {
            print "#if defined(__clang__)"
            print "#pragma clang attribute push(__attribute__((minsize)), apply_to = function)"
            print "#elif defined(__GNUC__)"
            print "#pragma GCC push_options"
            print "#pragma GCC optimize(\"Os\")"
            print "#endif"
        }
        function small_no_more() {
            print "#if defined(__clang__)"
            print "#pragma clang attribute pop"
            print "#elif defined(__GNUC__)"
            print "#pragma GCC pop_options"
            print "#endif"
        }
        NR == 4 { small() }
        { condition = ""; emit(source "/" $0, $0) }
        END { small_no_more() }
    '
} > "$output/fini.c.new"
mv "$output/fini.h.new" "$output/fini.h"
mv "$output/fini.c.new" "$output/fini.c"
