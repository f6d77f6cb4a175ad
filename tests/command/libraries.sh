# SPDX-License-Identifier: MIT
#
# libraries.sh - what the tests of `fini` have in common: small libraries, and what is said of them.
# To be sourced.
. "$FINI_SOURCE/tests/checks/protocol.sh"
fini=$build/command/fini

# library NAME [OPTION...]: from C on standard input, $work/NAME.so.
library() {
    name=$1
    shift
    cat >"$work/$name.c"
    "${compiler:-cc}" -D_GNU_SOURCE -g -O1 -w -shared -fPIC "$work/$name.c" "$@" -o "$work/$name.so"
}

# library_cxx NAME [OPTION...]: the same in C++.
library_cxx() {
    name=$1
    shift
    cat >"$work/$name.cpp"
    c++ -std=c++17 -g -O1 -w -shared -fPIC "$work/$name.cpp" "$@" -o "$work/$name.so"
}

# check STATUS ARGUMENT...: its output is in $work/said.
check() {
    expected=$1
    shift
    status=0
    "$fini" check --color=never "$@" >"$work/said" 2>&1 || status=$?
    [ "$status" = "$expected" ] || fail "status $status of check $*: $(cat "$work/said")"
}

# said TEXT: a line of the output has it. not_said TEXT: none has.
said() {
    grep -qF -e "$1" "$work/said" || fail "not said: $1
in: $(cat "$work/said")"
}

not_said() {
    ! grep -qF -e "$1" "$work/said" || fail "said: $1
in: $(cat "$work/said")"
}

# finds NAME ID VERDICT EVIDENCE: `fini check` of $work/NAME.so.
finds() {
    check 1 "$work/$1.so"
    said "$1.so: $3"
    said "  $2  "
    said "      $4"
}

# clean NAME: nothing is found in it.
clean() {
    check 0 "$work/$1.so"
    same "$1" "$(cat "$work/said")" "$work/$1.so: unloads"
}

# ignoring COMMAND...: by somebody who ignores SIGCHLD, which programs that are started inherit;
# then the system forgets children that end.
ignoring() {
    {
        echo '#include <signal.h>'
        echo '#include <unistd.h>'
        echo 'int main(int n, char **v)'
        echo '{ signal(SIGCHLD, SIG_IGN); execv(v[1], v + 1); return 126; }'
    } >"$work/ignoring.c"
    cc "$work/ignoring.c" -o "$work/ignoring"
    timeout 20 "$work/ignoring" "$@"
}

ids() {
    grep -oE 'FINI-E[0-9]+' "$work/said" | sort -u | tr '\n' ' '
}

# macho NAME TYPE SECTION TYPE_OF_SECTION FLAG SWIFT: a 64-bit file with one section, by hand: there
# is no compiler of Swift, nor of probes, in Debian. FLAG is the third byte of the header's flags,
# SWIFT the version of Swift in the section.
macho() {
    {
        printf '\317\372\355\376\014\000\000\001\003\000\000\000'
        byte "$2"
        printf '\000\000\000\001\000\000\000\230\000\000\000\000\000'
        byte "$5"
        printf '\000\000\000\000\000'
        printf '\031\000\000\000\230\000\000\000'
        field __DATA
        head -c 40 /dev/zero
        printf '\001\000\000\000\000\000\000\000'
        field "$3"
        field __DATA
        head -c 16 /dev/zero
        printf '\270\000\000\000'
        head -c 12 /dev/zero
        byte "$4"
        head -c 15 /dev/zero
        printf '\000\000\000\000\000'
        byte "$6"
        printf '\000\000'
    } >"$work/$1.so"
}

# fat FILE, fat64 FILE: a file for several processors, which has that file for one of them.
fat() {
    printf '\312\376\272\276\000\000\000\001\001\000\000\014\000\000\000\003'
    printf '\000\000\000\034\000\000\000\300\000\000\000\000'
    cat "$1"
}

fat64() {
    printf '\312\376\272\277\000\000\000\001\001\000\000\014\000\000\000\003'
    printf '\000\000\000\000\000\000\000\050\000\000\000\000\000\000\000\300'
    printf '\000\000\000\000\000\000\000\000'
    cat "$1"
}

zeros() {
    head -c "$1" /dev/zero
}

# pe_header SIZE: a DLL up to its section of so many bytes (of a word of four), which is mapped at
# 0x1000 and begins with the list of imports.
pe_header() {
    printf MZ && zeros 58 && printf '\100\000\000\000'
    printf 'PE\000\000\144\206\001\000' && zeros 12 && printf '\360\000\000\040'
    printf '\013\002' && zeros 106 && printf '\020\000\000\000'
    zeros 8 && printf '\000\020\000\000\050\000\000\000' && zeros 112
    # shellcheck disable=SC2059
    printf ".idata\\000\\000$1\\000\\020\\000\\000$1\\160\\001\\000\\000"
    zeros 16
}

byte() {
    # shellcheck disable=SC2059
    printf "\\$(printf '%03o' "$1")"
}

field() {
    { printf '%s' "$1" && head -c 16 /dev/zero; } | head -c 16
}
