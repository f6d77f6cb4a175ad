/* SPDX-License-Identifier: MIT
 *
 * findings.h - all that `fini` can find, each once.
 *
 * Decides: the id of a finding, which is never given to another one, how bad it is, its cause and
 * its cure in one line each. Leaves to the readers (image_*.c, probe.c) when it is there.
 */
#ifndef COMMAND_FINDINGS_H
#define COMMAND_FINDINGS_H

enum severity {
    SEVERITY_STAYS,    /* the image cannot go */
    SEVERITY_MAY_STAY, /* it cannot once something has happened, or under a certain loader */
    SEVERITY_DANGER,   /* it goes, and leaves what crashes or runs out later */
    SEVERITY_NOTE      /* worth to know; no reason for an exit status of 1 */
};

/* name, id, severity, cause, cure */
#define FINDINGS(X)                                                                               \
    X(NODELETE, "FINI-E001", STAYS,                                                               \
      "marked as never to be unloaded (NODELETE)",                                                \
      "link without -z nodelete; `fini pin --unpin` clears the mark in a built library")          \
    X(UNIQUE, "FINI-E002", STAYS,                                                                 \
      "defines unique symbols (STB_GNU_UNIQUE): the loader never unloads who first defines one",  \
      "compile with -fno-gnu-unique, or hide the symbols by a version script")                    \
    X(THREAD_LOCAL_CXX, "FINI-E003", MAY_STAY,                                                    \
      "C++ thread_local objects with destructors: it stays until each thread that used one ends", \
      "keep such values in fini_local, or make their destructors trivial")                        \
    X(THREAD_LOCAL_OTHER, "FINI-E004", MAY_STAY,                                                  \
      "registers destructors of thread-local values: it stays until each thread that used one "   \
      "ends",                                                                                     \
      "Rust: no thread_local! with Drop, which std has too; C: fini_local")                       \
    X(GO, "FINI-E005", DANGER,                                                                    \
      "contains the Go runtime, whose threads run in it for ever: it must not be unloaded",       \
      "none: run it in a process of its own")                                                     \
    X(STATIC_TLS, "FINI-E006", DANGER,                                                            \
      "initial-exec thread-local storage: takes from a small reserve, reloading can run out",     \
      "compile with -ftls-model=global-dynamic, or with -mtls-dialect=gnu2 for speed")            \
    X(KEY_LEFT, "FINI-E007", DANGER,                                                              \
      "creates thread keys and never deletes one: destructors are called after it has gone, keys " \
      "run out",                                                                                  \
      "delete the key at unload, or use fini_local")                                              \
    X(HANDLER_NO_OWNER, "FINI-E008", DANGER,                                                      \
      "registers exit handlers that belong to no image: exit() calls them after it has gone",     \
      "use atexit or FINI_EXIT_HOOK, which are taken back at unload")                             \
    X(NO_FINALIZE, "FINI-E009", DANGER,                                                           \
      "registers exit or fork handlers, and never calls __cxa_finalize, which takes them back",   \
      "link with the compiler's start files (without -nostartfiles)")                             \
    X(FORK_HANDLER, "FINI-E010", NOTE,                                                            \
      "registers fork handlers: glibc takes them back at unload, other systems may not",          \
      "none is needed on glibc")                                                                  \
    X(PINS_ITSELF, "FINI-E011", MAY_STAY,                                                         \
      "opens a library with RTLD_NODELETE: perhaps itself",                                       \
      "leave the flag out, or use fini_hold, which can be released")                              \
    X(BOUND_BY_RESIDENT, "FINI-E012", STAYS,                                                      \
      "a library that never unloads, and that it needs, uses symbols of this one, or needs it",   \
      "export only what is meant to be, by a version script (-fvisibility=hidden leaves std::)")   \
    X(BOUND_LATER, "FINI-E013", MAY_STAY,                                                         \
      "a library that never unloads, and that it needs, will use symbols of this one: with "      \
      "RTLD_NOW at once, else when it calls them",                                                \
      "as for FINI-E012")                                                                         \
    X(MISSING, "FINI-E014", NOTE,                                                                 \
      "needs a library that is not found here: what would be bound to it, or by it, is not known", \
      "check it where it can be loaded")                                                          \
    X(PE_PINS, "FINI-E020", MAY_STAY,                                                             \
      "calls GetModuleHandleEx, which can pin it",                                                \
      "call it with GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT")                                \
    X(PE_FIBER_LOCAL, "FINI-E021", DANGER,                                                        \
      "calls FlsAlloc and never FlsFree: callbacks are called after it has gone",                 \
      "call FlsFree in DllMain at DLL_PROCESS_DETACH")                                            \
    X(MACHO_OBJC, "FINI-E030", STAYS,                                                             \
      "contains Objective-C: dyld never unloads it",                                              \
      "none; a plain bundle may be unloaded")                                                     \
    X(MACHO_SWIFT, "FINI-E031", STAYS,                                                            \
      "contains Swift: dyld never unloads it",                                                    \
      "none")                                                                                     \
    X(MACHO_THREAD_LOCAL, "FINI-E032", STAYS,                                                     \
      "has thread-local variables: dyld never unloads it",                                        \
      "use thread keys, or fini_local")                                                           \
    X(MACHO_DTRACE, "FINI-E033", STAYS,                                                           \
      "has DTrace probes: dyld never unloads it",                                                 \
      "compile without static probes")                                                            \
    X(PROBE_STAYED, "FINI-E101", STAYS,                                                           \
      "stayed mapped after dlclose",                                                              \
      "see the other findings; without any it has opened itself, or another library keeps it")    \
    X(PROBE_PENDING, "FINI-E102", MAY_STAY,                                                       \
      "loading registered destructors of thread-local values for a thread that lives on",         \
      "see FINI-E003 and FINI-E004")                                                              \
    X(PROBE_THREADS, "FINI-E103", DANGER,                                                         \
      "left threads running",                                                                     \
      "join them in a finalizer at unload, or use fini_worker")                                   \
    X(PROBE_KEYS, "FINI-E104", DANGER,                                                            \
      "left thread keys",                                                                         \
      "delete them at unload, or use fini_local")                                                 \
    X(PROBE_HANDLERS, "FINI-E105", DANGER,                                                        \
      "left exit or fork handlers in unmapped code",                                              \
      "use atexit or FINI_EXIT_HOOK, which are taken back at unload")                             \
    X(PROBE_SIGNALS, "FINI-E106", DANGER,                                                         \
      "left signal handlers",                                                                     \
      "put the old action back at unload")                                                        \
    X(PROBE_DESCRIPTORS, "FINI-E107", DANGER,                                                     \
      "left file descriptors open",                                                               \
      "close them at unload")                                                                     \
    X(PROBE_IMAGES, "FINI-E108", NOTE,                                                            \
      "other libraries that it brought along stayed",                                             \
      "check those")                                                                              \
    X(PROBE_MAPPINGS, "FINI-E109", NOTE,                                                          \
      "left memory mapped",                                                                       \
      "unmap it at unload; libc keeps stacks of ended threads and freed memory, too")             \
    X(PROBE_SETTINGS, "FINI-E110", DANGER,                                                        \
      "left settings of the process changed",                                                     \
      "put them back at unload")                                                                  \
    X(PROBE_CHILDREN, "FINI-E111", DANGER,                                                        \
      "left child processes",                                                                     \
      "end them and wait for them at unload")                                                     \
    X(PROBE_CRASHED, "FINI-E112", DANGER,                                                         \
      "crashed",                                                                                  \
      "run it under a debugger: dlopen, then dlclose")                                            \
    X(PROBE_HUNG, "FINI-E113", DANGER,                                                            \
      "did not come to an end",                                                                   \
      "do not wait in constructors and finalizers for threads that need the loader's lock")       \
    X(PROBE_EXITED, "FINI-E114", DANGER,                                                          \
      "ended the process",                                                                        \
      "do not call exit in constructors and finalizers")                                          \
    X(PROBE_NOT_LOADED, "FINI-E115", NOTE,                                                        \
      "could not be loaded, so nothing is known of its unloading",                                \
      "see what the loader says")                                                                 \
    X(PROBE_STARTUP, "FINI-E116", NOTE,                                                           \
      "is a part of every process, so that it cannot be unloaded",                                \
      "none")                                                                                     \
    X(TRACE_KEY, "FINI-E201", DANGER,                                                             \
      "left a thread key whose destructor is in unmapped code",                                   \
      "delete the key at unload, or use fini_local")                                              \
    X(TRACE_HANDLER, "FINI-E202", DANGER,                                                         \
      "left an exit handler in unmapped code, registered for another owner, or for none",         \
      "register it with atexit from the library itself, or use FINI_EXIT_HOOK")                   \
    X(TRACE_FORK_HANDLER, "FINI-E203", DANGER,                                                    \
      "left a fork handler in unmapped code",                                                     \
      "call pthread_atfork from the library itself")                                              \
    X(TRACE_SIGNAL, "FINI-E204", DANGER,                                                          \
      "left a signal handler in unmapped code",                                                   \
      "put the old action back at unload")                                                        \
    X(TRACE_THREAD, "FINI-E205", DANGER,                                                          \
      "was unloaded while a thread was inside, or had it on its stack",                           \
      "join threads at unload, or use fini_worker; fini_gate for threads of others")              \
    X(TRACE_CALLBACK, "FINI-E206", DANGER,                                                        \
      "left a callback with libc in unmapped code",                                               \
      "delete timers and close streams at unload")                                                \
    X(TRACE_LOCAL, "FINI-E207", MAY_STAY,                                                         \
      "was kept by destructors of thread-local values that have yet to run",                      \
      "end those threads first, or use fini_local: see FINI-E003 and FINI-E004")                  \
    X(TRACE_REFERENCES, "FINI-E208", NOTE,                                                        \
      "was kept by references that were not given back",                                          \
      "call dlclose once for each dlopen")                                                        \
    X(TRACE_DEPENDENT, "FINI-E209", NOTE,                                                         \
      "was kept by another library that needs it",                                                \
      "unload that one first")                                                                    \
    X(TRACE_STARTUP, "FINI-E210", NOTE,                                                           \
      "was loaded with the program, so that it cannot be unloaded",                               \
      "none")                                                                                     \
    X(TRACE_STAYED, "FINI-E211", NOTE,                                                            \
      "was kept by something that was not seen",                                                  \
      "see `fini check`; a symbol that another library has found in it is a cause")               \
    X(TRACE_EXIT_INSIDE, "FINI-E212", DANGER,                                                     \
      "was finalized at exit while a thread was inside, or had it on its stack",                  \
      "join or stop threads first, or free nothing at exit: FINI_UNLOAD_HOOK")                    \
    X(TRACE_CRASH_GONE, "FINI-E213", DANGER,                                                      \
      "crashed in code or data of a library that had been unloaded",                              \
      "see what it had left when it went")                                                        \
    X(TRACE_CRASH_FINALIZED, "FINI-E214", DANGER,                                                 \
      "crashed in a library that had been finalized at exit",                                     \
      "free nothing at exit: FINI_UNLOAD_HOOK; `fini run --leak-at-exit` until then")

enum finding {
#define FINDINGS_NAME(name, id, severity, cause, cure) FINDING_##name,
    FINDINGS(FINDINGS_NAME)
#undef FINDINGS_NAME
    FINDING_COUNT
};

struct finding_text {
    const char *id, *cause, *cure;
    enum severity severity;
};

const struct finding_text *finding_text(enum finding finding);
const char *severity_name(enum severity severity); /* as in the JSON schema */

#endif
