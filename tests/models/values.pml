/* SPDX-License-Identifier: MIT
 *
 * The protocol of src/platform/values.c and src/local.c: a thread ends, in up to two rounds of libc's,
 * while another unloads the image.
 *
 * Decides: whether an instruction of the image can run when it is gone, whether a value is destroyed
 * twice or not at all, and whether the unload waits for ever. Stores of the ending thread wait in a
 * buffer for as long as they like, as on x86; its atomic operations empty it, and so does the heavy
 * fence. Deleting a key is an atomic operation of libc's. The host sees to it that no thread is
 * inside the image when it unloads it.
 *
 * Each macro is a mistake, which must be found: see models.sh.
 */
#define BEFORE_CLEAR 0
#define BEFORE_FILLED 1
#define AFTER_CLEAR 2
#define AFTER_FILLED 3
#define RUNS 4
#define RUNS_NO_MORE 5

bool mapped = true, key = true, unloading, inside;
bool before, after, running; /* in memory */
bool value = true;           /* the thread has one */
bool unwound;                /* the values have been: what destructors need may be gone */
byte set = 1, destroyed;
chan buffer = [6] of { byte };

inline drain_one()
{
    buffer?store;
    if
    :: store == BEFORE_CLEAR -> before = false
    :: store == BEFORE_FILLED -> before = true
    :: store == AFTER_CLEAR -> after = false
    :: store == AFTER_FILLED -> after = true
    :: store == RUNS -> running = true
    :: store == RUNS_NO_MORE -> running = false
    fi
}

proctype drains()
{
    byte store;
end:
    do
    :: atomic { nempty(buffer) -> drain_one() }
    od
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* An exchange: true if the caller gets the value. */
inline thread_claims()
{
#ifdef CLAIM_IN_TWO_STEPS
    got = value;
    value = false
#else
    atomic { empty(buffer) -> got = value; value = false }
#endif
}

inline destructor()
{
    assert(mapped);
    buffer!RUNS;
    thread_claims();
    if
    :: got -> assert(mapped && !unwound); destroyed++
    :: else
    fi;
    got = false;
    buffer!RUNS_NO_MORE;
    assert(mapped) /* its last instruction */
}

/* The thread is inside the image. */
inline set_again()
{
#ifndef SAME_RECORD
    buffer!AFTER_CLEAR;
    buffer!BEFORE_CLEAR;
#endif
    set++;
    value = true;
    atomic { empty(buffer) -> inside = false }
}

inline go_through_the_row()
{
#ifndef NOTHING_BEFORE
    buffer!BEFORE_FILLED;
#endif
    if
    :: key -> destructor() /* libc has read the address; the call is a step of its own */
    :: !key
    fi;
    buffer!AFTER_FILLED
}

/* A destructor of the host's, behind the row, may set the value again. */
proctype thread()
{
    bool got;
    go_through_the_row();
    if
    :: atomic { !unloading -> inside = true }; set_again(); go_through_the_row()
    :: skip
    fi
}

/* ---- unload ---------------------------------------------------------------------------------- */

inline unloader_claims()
{
#ifdef CLAIM_IN_TWO_STEPS
    mine = value;
    value = false;
#else
    atomic { mine = value; value = false };
#endif
    if
    :: mine -> destroyed++
    :: else
    fi
}

inline fence_everywhere()
{
#ifdef NO_FENCE
    skip
#else
    empty(buffer)
#endif
}

proctype unload()
{
    bool mine;
    atomic { !inside -> unloading = true };
    unloader_claims();
#ifndef NO_LOOK_AT_RUNNING
    !running;
#endif
    unwound = true;
#ifndef KEY_STAYS
    key = false;
#endif
    fence_everywhere();
#ifndef NO_WAIT
    !(before && !after);
#endif
    mapped = false
}

init
{
    atomic { run drains(); run thread(); run unload() };
    _nr_pr == 2; /* the thread and the unload have ended */
    assert(set == destroyed)
}
