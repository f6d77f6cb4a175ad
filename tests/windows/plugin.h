/* SPDX-License-Identifier: MIT
 *
 * plugin.h - what a host asks of the plugin: `plugin_do` with one of these. Each answers with a
 * number, mostly an error of libfini's.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

enum task {
    ADD_ALL_KINDS,  /* hooks that say for which reason they run; also what is not libfini's */
    ADD_ONE,        /* a hook for always */
    ADD_EARLY,
    ADD_SLOW,       /* at unload a hook takes its time */
    ADD_THAT_EXITS, /* at unload a hook calls exit(3), and another one is left */
    ADD_AND_REMOVE, /* for ever */
    ADD_CLOSER,     /* at exit a hook closes the gate */
    ENTER_GATE,
    CLOSE_GATE,
    SET_VALUE,
    CLEAR_VALUES,
    START_WORKER,
    STOP_WORKER,
    START_WORKER_THAT_HOLDS, /* and ends by the event below, which is the host's */
    PIN,
    HOLD,
    RELEASE,
    HOLD_FOR_THREAD,
    KEEP,
    RECALL,
    GENERATION,
    TRAITS,
    EXITING,
    FORKED,
    WHY
};

#define WORKER_MAY_END "libfini: the worker may end"

typedef int plugin_do_fn(int task);

#endif
