#!/bin/sh
# SPDX-License-Identifier: MIT
#
# archive.sh ARCHIVE COMPILER... -- SOURCE...: compiles the sources into an archive. No two of them
# have the same name.
set -eu

archive=$1 compiler=
shift
while [ "$1" != -- ]; do
    compiler="$compiler $1"
    shift
done
shift
objects=
for source; do
    object=$archive.$(basename "$source" .c).o
    $compiler -c "$source" -o "$object"
    objects="$objects $object"
done
rm -f "$archive"
ar rcs "$archive" $objects
