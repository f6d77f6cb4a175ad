/* SPDX-License-Identifier: MIT
 *
 * A forked child: who tidies up, and what counts until then.
 *
 * Decides: whether an entry made in the child, or the forking thread's own, can be lost, and whether
 * those of the parent's other threads go. Three threads of the child: FORKER, inside or not when it
 * forks; NEWBORN, which stands where a thread of the parent stood, inside or not; CLOSER.
 * Leaves to others: fences (gate.pml); here every store is seen at once.
 */
#define FORKER 1
#define NEWBORN 2
#define CLOSER 3
#define PARENT 1 /* numbers of processes */
#define CHILD 2
#define SLOTS 3

byte owner[SLOTS], process[SLOTS], depth[SLOTS];
byte tidied = PARENT; /* gates.process */
bool undecided;
bool inside[4];
bool forker_came; /* to a slow path */

inline judge(n, who)
{
    if
    :: process[n] == CHILD || process[n] == 0 -> skip
#ifdef FIRST_IS_THE_FORKER
    :: process[n] == PARENT && owner[n] == who -> process[n] = CHILD
    :: process[n] == PARENT && owner[n] != who ->
        depth[n] = 0; process[n] = 0; owner[n] = 0
#else
    :: process[n] == PARENT && who == FORKER && owner[n] == who -> process[n] = CHILD
    :: process[n] == PARENT && !(who == FORKER && owner[n] == who) ->
        if
#ifdef NOTHING_IS_FORGOTTEN
        :: depth[n] != 0 -> undecided = true
#else
        :: depth[n] != 0 && who != FORKER -> undecided = true
#endif
        :: else -> depth[n] = 0; process[n] = 0; owner[n] = 0
        fi
#endif
    fi
}

/* Under the lock. */
inline settle(who)
{
    atomic {
        if
        :: tidied != CHILD || (undecided && who == FORKER) ->
            undecided = false;
            judge(0, who); judge(1, who); judge(2, who);
            tidied = CHILD
        :: else
        fi;
        forker_came = forker_came || who == FORKER
    }
}

/* Slot 2 is far: free, and large enough for one. */
inline enter_slowly(who)
{
    settle(who);
    mine = 0;
    do
    :: mine < SLOTS && !(owner[mine] == who && process[mine] == CHILD) -> mine++
    :: else -> break
    od;
    if
    :: mine < SLOTS -> depth[mine]++
    :: mine == SLOTS ->
        mine = 0;
        do
        :: atomic { mine < SLOTS && owner[mine] == 0 -> owner[mine] = who };
            process[mine] = CHILD;
            depth[mine] = 1;
            break
        :: mine < SLOTS && owner[mine] != 0 -> mine++
        od
    fi
}

/* Slot `home` is where the hash says. */
inline enter(who, home)
{
    if
#ifdef NO_PROCESS_IN_SLOT
    :: owner[home] == who && depth[home] == 0 ->
#else
    :: owner[home] == who && process[home] == CHILD && depth[home] == 0 ->
#endif
        depth[home] = 1;
        mine = home
    :: else -> enter_slowly(who)
    fi;
    inside[who] = true
}

inline leave(who)
{
    inside[who] = false;
    assert(depth[mine] != 0); /* else the entry was lost */
    depth[mine]--
}

/* In the parent it may have been inside. */
proctype forker()
{
    byte mine;
    if
    :: inside[FORKER] -> mine = 0; leave(FORKER)
    :: else
    fi;
    enter(FORKER, 0);
    leave(FORKER)
}

proctype newborn()
{
    byte mine;
    enter(NEWBORN, 1);
    leave(NEWBORN);
    enter(NEWBORN, 1);
    leave(NEWBORN)
}

proctype closer()
{
    settle(CLOSER);
    /* The heavy fence makes the look at all slots as good as one at once; see gate.pml. */
    atomic {
        depth[0] == 0 && depth[1] == 0 && depth[2] == 0 ->
        assert(!inside[FORKER] && !inside[NEWBORN])
    }
}

init
{
    atomic {
        owner[0] = FORKER; process[0] = PARENT;
        owner[1] = NEWBORN; process[1] = PARENT;
        if
        :: depth[0] = 1; inside[FORKER] = true
        :: skip
        fi;
        if
        :: depth[1] = 1 /* the parent's thread was inside */
        :: skip
        fi;
        run forker();
        run newborn();
        run closer()
    }
}
