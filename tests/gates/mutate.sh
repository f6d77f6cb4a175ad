#!/bin/sh
# SPDX-License-Identifier: MIT
#
# mutate.sh MISTAKE FOLDER OUTPUT COMPILER...: builds a test with a gate that has one mistake.
#
# FOLDER has the amalgamation; the compiler is called with the changed files' folder in front, and
# with the changed fini.c. A mistake that no longer changes anything is an error.
set -eu
mistake=$1
folder=$2
output=$3
shift 3
changed=$output.folder
mkdir -p "$changed"

case $mistake in
plain-fence) # the closer's fence is its own alone
    edit='s/if (!fini__platform_light_fences() || call_membarrier(EXPEDITED))/if (1)/' ;;
no-second-look) # enter does not look at the state after it has written its depth
    edit='s/if (!FINI__LIKELY(!(__atomic_load_n(&gate->fini__state, __ATOMIC_ACQUIRE) & 1)))/if (0)/
s/return !is_closed(g) || leave_slot(s, g);/return true;/
s/    __atomic_store_n(&slot->depth, 1, /    for (volatile int n = 0; n < 30000;) n++;\
&/' ;; # widened, since it is a few instructions otherwise
silent-leave) # nobody is woken
    edit='s/if (!FINI__LIKELY(FINI__LOAD(fini__gate_shared.closers) == 0))/if (0)/
s/if (atomic_load(&SHARED->closers) != 0)/if (0)/' ;;
far-not-counted) # the closer looks at the first places only
    edit='s/atomic_load(&gates.far_used) != 0 && n < FAR; n++/0 \&\& n < FAR; n++/' ;;
parents-stay) # a forked child keeps the entries of threads that it does not have
    edit='s/if (seen != process && seen != 0)/if (0)/' ;;
no-process-in-slot) # the fast path takes over places in a forked child
    edit='s/^    return FINI__LIKELY(FINI__LOAD(slot->process).* &&/    return process \&\&/' ;;
*)
    echo "mutate: no such mistake: $mistake" >&2
    exit 1 ;;
esac

for file in fini.h fini.c; do
    sed -e "$edit" "$folder/$file" >"$changed/$file"
done
if cmp -s "$folder/fini.h" "$changed/fini.h" && cmp -s "$folder/fini.c" "$changed/fini.c"; then
    echo "mutate: changes nothing: $mistake" >&2
    exit 1
fi
"$@" -I"$changed" "$changed/fini.c" -o "$output"
