/* SPDX-License-Identifier: MIT
 *
 * The protocol of src/gate.c: threads that enter and leave, closers, an opener.
 *
 * Decides: whether a closer can be told that nobody is inside while somebody is, and whether one can
 * sleep when nobody is. Stores of the entering side wait in a buffer for as long as they like, as on
 * x86; each atomic operation empties its own thread's, the heavy fence everybody's, one after
 * the other. With STRONG the entering side uses atomic exchanges, and there is no heavy fence.
 * Leaves to others: how slots are found (slots.pml), fork (fork.pml).
 *
 * Each macro of a name in NO_... or so is a mistake, which must be found: see models.sh.
 */
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef CLOSERS
#define CLOSERS 1
#endif
#define THREADS 2

byte state;             /* even: open */
byte closers;           /* signed in */
bool gate_of[CLOSERS];  /* this closer is waiting for the gate */
byte notices[CLOSERS];
byte depth[THREADS];    /* in memory */
bool inside[THREADS];   /* what is to be protected */
byte left;              /* threads that have come to their end */
chan buffer[THREADS] = [2] of { byte };

/* ---- stores ---------------------------------------------------------------------------------- */

inline empty_one(i)
{
    atomic {
        do
        :: nempty(buffer[i]) -> buffer[i]?depth[i]
        :: empty(buffer[i]) -> break
        od
    }
}

#ifdef STRONG
#define STORE_DEPTH(i, value) atomic { depth[i] = value }
#else
#define STORE_DEPTH(i, value) buffer[i]!value
#endif

/* Of an atomic operation: nothing of the thread's own is left behind it. */
#define WHEN_EMPTY(i) empty(buffer[i])

proctype drains(byte i)
{
end:
    do
    :: atomic { nempty(buffer[i]) -> buffer[i]?depth[i] }
    od
}

/* ---- entering and leaving -------------------------------------------------------------------- */

/* An atomic operation on each closer's word. */
inline notify_one(n)
{
    atomic {
        if
        :: gate_of[n] -> notices[n]++
        :: else
        fi
    }
}

inline notify()
{
    notify_one(0);
#if CLOSERS > 1
    notify_one(1)
#endif
}

inline leave(i)
{
#ifdef LEAVE_LOOKS_FIRST
    waited_for = closers > 0;
    STORE_DEPTH(i, 0);
#else
    STORE_DEPTH(i, 0);
    waited_for = closers > 0;
#endif
    if
    :: waited_for -> atomic { WHEN_EMPTY(i) }; notify()
    :: else
    fi
}

proctype visitor(byte i)
{
    byte round;
    bool waited_for;
    do
    :: round < ROUNDS ->
        round++;
        if
        :: state % 2 == 1 -> skip /* closed already */
        :: state % 2 == 0 ->
            STORE_DEPTH(i, 1);
            if
#ifdef NO_SECOND_LOOK
            :: inside[i] = true
#else
            :: atomic { state % 2 == 0 -> inside[i] = true }
            :: state % 2 == 1
#endif
            fi;
            if
            :: inside[i] ->
                inside[i] = false;
                leave(i)
            :: else ->
#ifdef SILENT_RETREAT
                atomic { WHEN_EMPTY(i) -> depth[i] = 0 }
#else
                atomic { WHEN_EMPTY(i) -> depth[i] = 0 };
                waited_for = closers > 0;
                if
                :: waited_for -> atomic { WHEN_EMPTY(i) }; notify()
                :: else
                fi
#endif
            fi
        fi
    :: else -> break
    od;
    left++
}

/* ---- closing and opening --------------------------------------------------------------------- */

inline heavy_fence()
{
#if !defined(STRONG) && !defined(PLAIN_FENCE)
    empty_one(0);
    empty_one(1)
#else
    skip
#endif
}

inline count()
{
    occupied = depth[0] != 0;
    occupied = occupied || depth[1] != 0
}

#ifdef STATE_IS_A_BIT
#define CHANGE(s) s = 1 - s
#else
#define CHANGE(s) s++
#endif

proctype closer(byte n)
{
    byte seen, now, fenced;
    bool occupied;
    atomic { closers++; gate_of[n] = true };
    do
    ::
#ifndef NOTICES_READ_LATE
        seen = notices[n];
#endif
        atomic {
            if
            :: state % 2 == 0 -> CHANGE(state)
            :: else
            fi;
            now = state
        }
        if
#ifdef FENCE_ONCE
        :: fenced == 0 -> heavy_fence()
#else
        :: now != fenced -> heavy_fence()
#endif
        :: else
        fi;
        fenced = now;
        count();
        if
        :: atomic { !occupied && state == now -> assert(!inside[0] && !inside[1]) };
            break
        :: occupied || state != now
        fi;
#ifdef NOTICES_READ_LATE
        seen = notices[n];
#endif
        notices[n] != seen
    od;
    atomic { seen = 0; now = 0; fenced = 0; occupied = false };
    gate_of[n] = false;
    closers--
}

proctype opener()
{
    if
    :: atomic { state % 2 == 1 -> CHANGE(state) };
#ifndef SILENT_OPENER
        notify()
#endif
    :: left == THREADS /* nobody closes any more */
    fi
}

init
{
    atomic {
        byte i = 0;
        do
        :: i < THREADS -> run visitor(i); run drains(i); i++
        :: else -> break
        od;
        run closer(0);
#if CLOSERS > 1
        run closer(1);
#endif
        run opener()
    }
}
