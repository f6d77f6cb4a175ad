#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make-root.sh RELEASE ROOT [ARCHITECTURE PACKAGES] - a Debian release in a directory, made once:
# with compilers, or for another architecture with certain packages only.
#
# Decides: what is installed in a root with compilers, and which Meson serves there.
# Leaves to everywhere.sh which releases there are, to in-root.sh what is run in them.
#
# The packages come from where this machine's own come from: apt is asked. The last line says why
# where there can be no root; the status is then 77.
set -eu
release=$1 root=$2 architecture=${3-} only=${4-}
packages=gcc,g++,clang,lld,ccache,meson,ninja-build,binutils,make,pkgconf,python3
packages=$packages,lua5.4,liblua5.4-dev,sqlite3,libsqlite3-dev
meson_needed=1.0

no_root() {
    echo "SKIP: $1"
    exit 77
}

archive() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Label: Debian' | sort -u | head -n 1
}

# What sanitizers of clang need has a package of its own from Debian 12 on, which has clang's number
# in its name.
add_sanitizers() {
    number=$(chroot "$root" clang -dumpversion | sed 's/\..*//')
    if chroot "$root" apt-cache show "libclang-rt-$number-dev" >/dev/null 2>&1; then
        chroot "$root" apt-get -q install -y --no-install-recommends "libclang-rt-$number-dev"
    fi
}

# Meson is Python and nothing else: where a release has an older one than the project needs, this
# machine's serves there.
add_meson() {
    if dpkg --compare-versions "$(chroot "$root" meson --version)" ge "$meson_needed"; then
        return
    fi
    python=$(sed -n '1s/^#! *//p' "$(command -v meson)")
    folder=$($python -c 'import mesonbuild; print(mesonbuild.__path__[0])')
    mkdir -p "$root/opt/meson"
    cp -r "$folder" "$root/opt/meson/"
    cat >"$root/usr/local/bin/meson" <<'END'
#!/usr/bin/python3
import sys
sys.path.insert(0, '/opt/meson')
from mesonbuild.mesonmain import main
sys.exit(main())
END
    chmod +x "$root/usr/local/bin/meson"
}

[ ! -f "$root.made" ] || exit 0
[ "$(id -u)" = 0 ] || no_root 'only root can make a root'
unshare --mount true 2>/dev/null || no_root 'there are no mount namespaces to be had'
command -v debootstrap >/dev/null || no_root 'debootstrap is not installed'
archive=$(archive)
[ -n "$archive" ] || no_root 'apt knows no archive of Debian'
if [ ! -f "/usr/share/debootstrap/scripts/$release" ]; then
    no_root "debootstrap does not know $release"
fi
rm -rf "$root"
mkdir -p "$root"
if ! debootstrap --variant=minbase ${architecture:+--arch="$architecture"} \
        --include="${only:-$packages}" "$release" "$root" "$archive"; then
    [ -d "$root/debootstrap" ] && tail -n 5 "$root/debootstrap/debootstrap.log" || :
    no_root "debootstrap could not make $release from this machine's archive"
fi
if [ -z "$only" ]; then
    add_sanitizers
    add_meson
fi
rm -f "$root"/var/cache/apt/archives/*.deb
touch "$root.made"
