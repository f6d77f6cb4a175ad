#!/bin/sh
# SPDX-License-Identifier: MIT
#
# unpack-nginx.sh FOLDER: nginx and a module of it, for tests/command. Its package starts a server
# on this machine when it is installed, so it is unpacked and not installed.
#
# Decides: which packages. Tries once: where they cannot be had the test that needs them skips.
set -eu
folder=$1
[ ! -d "$folder" ] || exit 0
mkdir -p "$folder"
cd "$folder"
not_now() {
    echo "$1" >why-not
    exit 0
}
command -v apt-get >/dev/null 2>&1 || not_now 'there is no apt-get'
apt-get -q download nginx libnginx-mod-http-echo >/dev/null 2>&1 ||
    not_now 'apt-get could not download it'
for package in ./*.deb; do
    dpkg-deb -x "$package" . || not_now 'it cannot be unpacked'
done
rm -f ./*.deb
