#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Models of gates and thread values, searched through completely by spin, each with mistakes that
# must be found.
. "$FINI_SOURCE/tests/checks/protocol.sh"
models=$FINI_SOURCE/tests/models

# search MODEL [OPTION...]: whether no error is there; fails too if the search was not complete.
search() {
    command -v spin >/dev/null || skip 'spin is not installed'
    model=$1
    ignore=${ignore-}
    shift
    (
        cd "$work"
        spin -a "$@" "$models/$model.pml" >spin.out 2>&1
        gcc -O2 -w -DSAFETY -DCOLLAPSE -o pan pan.c
        ./pan -m1000000 $ignore >pan.out 2>&1
    ) || fail "$(cat "$work/spin.out" "$work/pan.out")"
    grep -q 'errors: ' "$work/pan.out" || fail "$(cat "$work/pan.out")"
    ! grep -qE 'search depth too small|out of memory|Search not completed' "$work/pan.out" ||
        grep -qE 'errors: [1-9]' "$work/pan.out" || fail "not complete: $(cat "$work/pan.out")"
    grep -E 'errors:|states, stored' "$work/pan.out" >&2
    grep -qE 'errors: 0' "$work/pan.out"
}

holds() {
    search "$@" || fail "$* does not hold: $(cat "$work/pan.out")"
}

# rejected MESSAGE MODEL [OPTION...]: for that reason, whatever other error is found first.
rejected() {
    message=$1
    shift
    case $message in
    assertion*) ignore=-E ;;
    *) ignore=-A ;;
    esac
    if search "$@"; then
        fail "not rejected: $*"
    fi
    grep -qF -e "$message" "$work/pan.out" || fail "not for '$message': $(cat "$work/pan.out")"
}

case_gate() # timeout=240 slow=1
{
    holds gate
}

case_gate_with_two_closers() # timeout=240 slow=1
{
    holds gate -DCLOSERS=2 -DROUNDS=1
}

case_gate_without_light_fences() # timeout=240 slow=1
{
    holds gate -DSTRONG
    holds gate -DSTRONG -DCLOSERS=2 -DROUNDS=1
}

case_gate_mistakes() # timeout=240 slow=1
{
    rejected 'assertion violated' gate -DPLAIN_FENCE
    rejected 'assertion violated' gate -DNO_SECOND_LOOK
    rejected 'assertion violated' gate -DFENCE_ONCE
    rejected 'assertion violated' gate -DSTATE_IS_A_BIT -DCLOSERS=2 -DROUNDS=1
    rejected 'invalid end state' gate -DLEAVE_LOOKS_FIRST
    rejected 'invalid end state' gate -DNOTICES_READ_LATE
    rejected 'invalid end state' gate -DSILENT_RETREAT
    rejected 'invalid end state' gate -DSILENT_OPENER
}

case_slots() # timeout=240
{
    holds slots
    rejected 'assertion violated' slots -DTAKE_OVER
    rejected 'assertion violated' slots -DTAKE_FREE
}

case_fork() # timeout=240
{
    holds fork
    rejected 'assertion violated' fork -DNO_PROCESS_IN_SLOT
    rejected 'assertion violated' fork -DFIRST_IS_THE_FORKER
    rejected 'invalid end state' fork -DNOTHING_IS_FORGOTTEN
}

case_values() # timeout=240
{
    holds values
    for mistake in CLAIM_IN_TWO_STEPS SAME_RECORD NOTHING_BEFORE NO_LOOK_AT_RUNNING KEY_STAYS \
        NO_FENCE NO_WAIT; do
        rejected 'assertion violated' values -D$mistake
    done
}

case_set() # timeout=240
{
    holds set
    rejected 'assertion violated' set -DLOOK_AFTERWARDS
    rejected 'assertion violated' set -DSAYS_NOTHING
}

protocol "$@"
