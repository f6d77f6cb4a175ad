#!/bin/sh
# SPDX-License-Identifier: MIT
#
# enter-root.sh ROOT COMMANDS - runs shell commands in a root, in its folder /libfini.
#
# Decides: what the root is given of this machine: its kernel, /proc and /dev, in a mount namespace
# of its own, so that nothing stays mounted.
set -eu
root=$1 commands=$2
export root commands
exec unshare --mount --propagation private sh -eu -c '
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
        HOME=/root LANG=C.UTF-8 TOOLS_ARE_HERE=1 sh -eu -c "cd /libfini; $commands"'
