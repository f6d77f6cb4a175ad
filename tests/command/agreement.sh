#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini check against the loader: what is read in the system's own libraries, beside what dlopen and
# dlclose really do to each. A sample; `ninja check-corpus` takes all (corpus.sh).
. "$FINI_SOURCE/tests/command/libraries.sh"

case_a_sample_of_this_system() # timeout=300 slow=1
{
    folder=$(ldd "$build/command/fini-probe" | sed -n 's|.*=> \(/.*\)/libc\.so[^ ]* .*|\1|p')
    find "/usr$folder/" "$folder/" -maxdepth 1 -type f -name '*.so*' 2>/dev/null | sort -u |
        awk '{ name[NR] = $0 }
            END { step = NR > 60 ? NR / 60 : 1
                  for (i = 1; i <= NR; i += step) print name[int(i)] }' >"$work/names"
    [ "$(wc -l <"$work/names")" -ge 20 ] || skip 'fewer than 20 libraries here'
    sh "$source/tests/command/corpus.sh" "$fini" "$source/docs/fini-agreement.md" \
        <"$work/names" >&2
}

# The judge itself: a disagreement that is not in the table fails, one that is there does not.
case_disagreement_is_caught() # timeout=60
{
    echo 'int one(void) { return 1; }' | library plain
    {
        echo '#!/bin/sh'
        echo "echo '{\"path\":\"/x/libodd.so.1\",\"verdict\":\"unloads\",\"probe\":\"stayed\"}'"
    } >"$work/liar"
    chmod +x "$work/liar"
    : >"$work/table.md"
    refused 'not explained: /x/libodd.so.1' sh "$source/tests/command/corpus.sh" "$work/liar" \
        "$work/table.md"
    echo '| `libodd.so.1` | a reason |' >"$work/table.md"
    sh "$source/tests/command/corpus.sh" "$work/liar" "$work/table.md" </dev/null
    echo "$work/plain.so" |
        sh "$source/tests/command/corpus.sh" "$fini" "$work/table.md" >"$work/said"
    said '1 agree'
}

protocol "$@"
