/* SPDX-License-Identifier: MIT
 *
 * One place and two threads that want it: why a place is not taken from a thread that may be alive.
 *
 * Decides: whether both entries are seen. The first thread owns the near slot and is outside. The
 * second finds it taken and uses a far one, as in src/gate.c. With TAKE_OVER it takes the slot
 * instead, as carefully as can be: it marks the slot, fences heavily, looks at the depth; and the owner
 * looks again at whose the slot is after it has written its depth. With TAKE_FREE two claim a free
 * slot without an atomic operation.
 * Leaves to others: the rest of the protocol (gate.pml).
 */
#define NOBODY 2
#define MARKED 3

byte owner;               /* of the near slot: 0, 1, NOBODY, or MARKED */
byte near_depth;
byte far_depth[2];
bool inside[2];
chan buffer[2] = [2] of { byte }; /* stores to near_depth */

proctype drains(byte i)
{
end:
    do
    :: atomic { nempty(buffer[i]) -> buffer[i]?near_depth }
    od
}

inline heavy_fence()
{
    atomic { empty(buffer[0]) };
    atomic { empty(buffer[1]) }
}

inline enter_far(i)
{
    far_depth[i] = 1;
    in_far = true
}

/* Sets in_far if the thread has no near slot now. */
inline enter_near(i)
{
    if
    :: owner == i ->
        buffer[i]!1;
        if
        :: owner == i -> skip
        :: owner != i -> /* only when it was taken over */
            buffer[i]!0;
            enter_far(i)
        fi
    :: owner != i ->
#ifdef TAKE_OVER
        was = owner;
        if
        :: atomic { was < NOBODY && owner == was -> owner = MARKED };
            heavy_fence();
            if
            :: near_depth == 0 -> owner = i; buffer[i]!1
            :: near_depth != 0 -> owner = was; enter_far(i)
            fi
        :: else -> enter_far(i)
        fi
#else
#ifdef TAKE_FREE
        if
        :: owner == NOBODY -> owner = i; buffer[i]!1
        :: else -> enter_far(i)
        fi
#else
        if
        :: atomic { owner == NOBODY -> owner = i }; buffer[i]!1
        :: else -> enter_far(i)
        fi
#endif
#endif
    fi
}

proctype visitor(byte i)
{
    byte round, was;
    bool in_far;
    do
    :: round < 2 ->
        round++;
        in_far = false;
        enter_near(i);
        inside[i] = true;
        /* Whoever closes now, behind a heavy fence, has to see the entry. */
        atomic {
            empty(buffer[0]) && empty(buffer[1]) ->
            assert(in_far || (near_depth == 1 && owner == i))
        }
        inside[i] = false;
        if
        :: in_far -> far_depth[i] = 0
        :: else -> buffer[i]!0
        fi
    :: else -> break
    od
}

init
{
    atomic {
        if
        :: owner = 0
        :: owner = NOBODY
        fi;
        run visitor(0);
        run visitor(1);
        run drains(0);
        run drains(1)
    }
}
