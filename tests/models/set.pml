/* SPDX-License-Identifier: MIT
 *
 * The protocol of src/local.c: a thread sets a value while another destroys the fini_local, and sets
 * another one up in its place.
 *
 * Decides: whether a value is lost of which set said that it is set, or comes to be another's. All
 * operations that matter are sequentially consistent in the source, and here.
 *
 * Each macro is a mistake, which must be found: see models.sh.
 */
byte place = 1;   /* which fini_local has it; 0: none */
byte cell;        /* whose value is in it; 0: none */
bool setting;
byte set_ok[3], destroyed[3];

inline store_value(l)
{
#ifdef LOOK_AFTERWARDS
    cell = l;
    if
    :: place == l -> set_ok[l]++
    :: else -> cell = 0
    fi
#else
#ifndef SAYS_NOTHING
    setting = true;
#endif
    if
    :: place == l -> cell = l; set_ok[l]++
    :: else
    fi;
    setting = false
#endif
}

proctype setter()
{
    store_value(1);
    store_value(1)
}

/* A value of one local is never handed to the destructor of another. */
inline destroy(l)
{
    place = 0;
    !setting;
    atomic {
        if
        :: cell != 0 -> assert(cell == l); destroyed[l]++; cell = 0
        :: else
        fi
    }
}

proctype owner()
{
    destroy(1);
    place = 2;
    destroy(2);
    place = 1
}

init
{
    atomic { run setter(); run owner() };
    _nr_pr == 1;
    destroy(1);
    assert(destroyed[1] + destroyed[2] <= set_ok[1]);
    assert(destroyed[1] >= 1 || set_ok[1] == 0)
}
