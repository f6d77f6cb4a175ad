#!/bin/sh
# SPDX-License-Identifier: MIT
#
# all.sh RUNNER DIR PROGRAM...: runs the programs, and those that programs.sh has built in DIR.
set -eu
runner=$1 dir=$2
shift 2
exec "$runner" "$@" "$dir"/programs-*.d/*_*
