/* SPDX-License-Identifier: MIT
 *
 * agent.h - what the traced program tells `fini trace`, and how.
 *
 * Decides: a ring in memory that both have mapped. The agent fills slots and never waits, but for
 * room and for an answer; it knows nothing but what it is called for. Leaves to trace_model.c what
 * an event means. The agent is in the program twice: as an audit library, which the loader tells
 * what it loads and unloads, and preloaded, where its functions stand before libc's.
 */
#ifndef COMMAND_AGENT_H
#define COMMAND_AGENT_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

/* In the environment of the program, until the agent has read it. */
#define AGENT_TRACE "FINI_AGENT_TRACE"  /* where the ring is: /proc/PID/fd/N */
#define AGENT_LEAK "FINI_AGENT_LEAK"    /* pattern of images that are not finalized at exit */
#define AGENT_KEEP "FINI_AGENT_KEEP"    /* pattern of images that stay mapped */

/* What the words of an event are. caller: the address that the call returns to. */
enum agent_type {
    AGENT_HELLO = 1,    /* the program's own link map */
    AGENT_LOAD,         /* link map, begin, end, flags, inode, agent_changed; text: path, name,
                           needed names */
    AGENT_CLOSE,        /* link map: its finalizers have run. Answered */
    AGENT_ACTIVITY,     /* exit() comes to the loader's finalizers. Answered */
    AGENT_DLOPEN,       /* mode, caller, in another namespace; text: name */
    AGENT_DLCLOSE,      /* link map, caller */
    AGENT_DLCLOSED,     /* link map */
    AGENT_KEY,          /* number, destructor, caller */
    AGENT_KEY_GONE,     /* number */
    AGENT_ATEXIT,       /* function, owner, caller */
    AGENT_FORK_HANDLER, /* function, owner, caller */
    AGENT_FINALIZE,     /* owner */
    AGENT_LOCAL,        /* destructor of a thread_local: function, owner, caller */
    AGENT_SIGNAL,       /* number, function or 0, caller */
    AGENT_THREAD,       /* first function, caller: the thread itself says so */
    AGENT_THREAD_ENDS,  /* its thread_local destructors have run */
    AGENT_CALLBACK,     /* what it hangs on, function, caller; text: of what kind */
    AGENT_CALLBACK_GONE,/* what it hangs on; text: of what kind */
    AGENT_EXIT,         /* caller, or 0 when main has returned. Answered */
    AGENT_CRASH,        /* signal, code, address of the fault, process that sent it. Answered */
    AGENT_LEAVES        /* an exec of what cannot be traced; text: path, why */
};

/* When a file was changed last, to tell it from another one in its place. */
static inline uint64_t agent_changed(const struct stat *file)
{
    return (uint64_t)file->st_mtim.tv_sec * 1000000000 + (uint64_t)file->st_mtim.tv_nsec;
}

/* Flags of AGENT_LOAD. */
enum { AGENT_STARTUP = 1, AGENT_NODELETE = 2, AGENT_FINALIZERS = 4, AGENT_OTHER_NAMESPACE = 8 };

enum { AGENT_SLOTS = 65536, AGENT_WORDS = 6, AGENT_TEXT = 48, AGENT_MORE = 120 };

/* An event is one slot, and as many behind it as its text needs. Those have text in place of all
 * but the turn. */
struct agent_slot {
    _Atomic uint64_t turn;      /* its number in all, plus one: it is full */
    uint32_t type, thread;
    uint64_t time;              /* CLOCK_MONOTONIC, nanoseconds */
    uint32_t slots, length;
    uint64_t word[AGENT_WORDS];
    char text[AGENT_TEXT];
};

_Static_assert(sizeof(struct agent_slot) == sizeof(uint64_t) + AGENT_MORE,
               "text of an event must not reach into the next one");

struct agent_ring {
    uint32_t size;              /* of all this: both have been built together */
    int32_t tracer;             /* who reads */
    _Atomic int32_t traced;     /* who writes; forked children do not */
    _Atomic uint32_t asleep;    /* the reader; a futex */
    _Atomic uint32_t answered;  /* counts up, only to be slept on; a futex */
    _Atomic uint32_t over;      /* nobody reads any more */
    _Alignas(64) _Atomic uint64_t head;
    _Alignas(64) _Atomic uint64_t tail;     /* of both: events before that one are over */
    _Alignas(64) struct agent_slot slot[AGENT_SLOTS];
};

#endif
