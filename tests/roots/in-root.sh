#!/bin/sh
# SPDX-License-Identifier: MIT
#
# in-root.sh ROOT SOURCE COMMANDS - brings the sources into a root and runs shell commands there, in
# /libfini, where they are in the folder source.
#
# Decides: how the sources come in.
# Leaves to enter-root.sh how the root is entered, to everywhere.sh what is run.
set -eu
here=$(dirname "$0")
root=$1 source=$2 commands=$3

# As they are now, committed or not, with their times: what has not changed is not built again.
copy_sources() {
    mkdir -p "$root/libfini"
    rm -rf "$root/libfini/source.new"
    mkdir "$root/libfini/source.new"
    (cd "$source" && sources | tar --null --no-recursion --files-from=- -cf -) |
        tar -xf - -C "$root/libfini/source.new"
    rm -rf "$root/libfini/source"
    mv "$root/libfini/source.new" "$root/libfini/source"
}

sources() {
    if git rev-parse >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard --deduplicate |
            xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' -
    else
        find . -name build -prune -o -type f -print0
    fi
}

copy_sources
exec sh "$here/enter-root.sh" "$root" "$commands"
