/* SPDX-License-Identifier: MIT
 *
 * facilities.c - what there is to build on.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "answer.h"
#include "question.h"

static void ask_function(const char *name)
{
    say_if(sys_anywhere(name) != NULL, "yes", "no");
    sys_quit();
}

#ifdef __linux__

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void ask_membarrier(const char *about)
{
    enum { QUERY = 0, PRIVATE_EXPEDITED = 1 << 3 };
    long known = syscall(SYS_membarrier, QUERY, 0, 0);
    (void)about;
    say_if(known > 0 && (known & PRIVATE_EXPEDITED) != 0, "yes", "no");
    sys_quit();
}

/* A word that has another value than the expected one is refused with EAGAIN. */
static void ask_futex(const char *about)
{
    enum { WAIT_PRIVATE = 128 };
    int word = 1;
    (void)about;
    say_if(syscall(SYS_futex, &word, WAIT_PRIVATE, 0, NULL) == -1 && errno == EAGAIN, "yes",
           "no");
    sys_quit();
}

static volatile char *page;

static void say_wiped(void)
{
    say_if(page[0] == 0, "yes", "no");
}

static void ask_wipe(const char *about)
{
    enum { WIPE_ON_FORK = 18 };
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)about;
    if (memory == MAP_FAILED)
        cannot("map a page");
    page = memory;
    page[0] = 1;
    madvise(memory, 4096, WIPE_ON_FORK);
    sys_fork(say_wiped);
    sys_quit();
}

static void ask_named_memory(const char *about)
{
    enum { SET_NAME = 0x53564d41 };
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)about;
    say_if(prctl(SET_NAME, 0, memory, 4096, "fini") == 0, "yes", "no");
    sys_quit();
}

#else
#define ask_membarrier NULL
#define ask_futex NULL
#define ask_wipe NULL
#define ask_named_memory NULL
#endif

#define FUNCTION(name) \
    {.id = "has." name, .about = name, .ask = ask_function, .text = "is there " name "?"}

static const struct question questions[] = {
    FUNCTION("__cxa_atexit"),
    FUNCTION("__cxa_finalize"),
    FUNCTION("__cxa_thread_atexit_impl"),
    FUNCTION("__cxa_at_quick_exit"),
    FUNCTION("dladdr1"),
    FUNCTION("dlinfo"),
    FUNCTION("dlmopen"),
    FUNCTION("dl_iterate_phdr"),
    FUNCTION("_dl_find_object"),
    FUNCTION("_rtld_is_dlopened"),
    FUNCTION("__libc_single_threaded"),
    FUNCTION("pthread_cond_clockwait"),
    FUNCTION("bindtextdomain"),
    FUNCTION("sigfillset"),
    FUNCTION("on_exit"),
    FUNCTION("gettid"),
    FUNCTION("issetugid"),
    FUNCTION("secure_getenv"),
    FUNCTION("getauxval"),
    FUNCTION("RtlDllShutdownInProgress"),
    FUNCTION("LdrRegisterDllNotification"),
    FUNCTION("LdrAddRefDll"),
    FUNCTION("FlushProcessWriteBuffers"),
    FUNCTION("WaitOnAddress"),
    FUNCTION("RtlWaitOnAddress"),
    {.id = "has.membarrier", .ask = ask_membarrier, .depends = KERNEL,
     .text = "is there membarrier, private and expedited?"},
    {.id = "has.futex", .ask = ask_futex, .depends = KERNEL, .text = "is there futex?"},
    {.id = "has.MADV_WIPEONFORK", .ask = ask_wipe, .depends = KERNEL,
     .text = "is a page with MADV_WIPEONFORK empty in a forked child?"},
    {.id = "has.named-memory", .ask = ask_named_memory, .depends = KERNEL,
     .text = "may anonymous memory have a name?"},
    {0},
};

const struct theme theme_facilities = {"has: what there is to build on", questions};
