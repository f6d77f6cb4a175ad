/* SPDX-License-Identifier: MIT
 *
 * The platform of which nothing is known but that its compiler runs constructors and destructors.
 *
 * Decides: every finalizer is told that the process exits, so that it never frees what another
 * thread may use. FINI_ON_EXIT_BEGIN hooks run with the FINI_ON_EXIT hooks, the environment is not
 * trusted (there is no way to tell a set-uid process), a forked child is not recognized, and there
 * are no references to the image, no keepsakes and no thread values: FINI_ENOTSUP. Gates fence on
 * both sides, and who waits for one spins; time is told to the second.
 * Leaves to others: everything else. Only ISO C is used here.
 */

/* Capabilities of none:
 *
 *   tells unload from exit | no: always exit
 *   unload at exit | no: exit
 *   `fini_why` outside hooks | no: running
 *   `fini_exiting` before the own finalizer | no
 *   `fini_forked` | no: false
 *   after `FINI_EXIT` the image stays mapped | not known
 *   `FINI_ON_EXIT_BEGIN` early | no: with `FINI_ON_EXIT`
 *   hooks left when a hook calls `exit()` | not run
 *   own exit handlers before hooks at exit | as the system does
 *   other exit handlers before hooks at exit | as the system does
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | no: set-uid cannot be told
 *   threads waiting for a hook sleep | no: they spin
 *   `fini_traits` | 0
 *   `fini_pin`, `fini_hold` | `FINI_ENOTSUP`
 *   `fini_release`, `fini_hold_for_thread` | `FINI_ENOTSUP`
 *   keepsakes | `FINI_ENOTSUP`
 *   `fini_generation` | 0
 *   thread values | `FINI_ENOTSUP`
 *   workers | `FINI_ENOTSUP`
 *   gates | yes; an atomic operation each, waiting spins, deadlines to the second, forks not seen
 */
#include "select.h"

#ifdef FINI_PLATFORM_NONE

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../platform.h"

static atomic_bool exiting;

FINI_CONSTRUCTOR static void call_loaded(void)
{
    fini__image_loaded();
}

FINI_DESTRUCTOR static void call_finalize(void)
{
    fini__image_finalize(NULL);
}

struct fini__sight fini__platform_see(const void *frame)
{
    (void)frame;
    return (struct fini__sight){.finalizer = true};
}

struct fini__sight fini__platform_see_around(const void *frame)
{
    (void)frame;
    return (struct fini__sight){.finalizer = false};
}

bool fini__platform_exiting(void)
{
    return atomic_load_explicit(&exiting, memory_order_relaxed);
}

void fini__platform_watch_exit(void)
{
}

void fini__platform_set_exiting(void)
{
    atomic_store_explicit(&exiting, true, memory_order_relaxed);
}

uintptr_t fini__platform_process(void)
{
    return 1;
}

bool fini__platform_threads_killed(void)
{
    return false;
}

bool fini__platform_can_be_early(void)
{
    return false;
}

void fini__platform_early_exit(void)
{
}

void fini__platform_run_exit_handlers(void)
{
}

void fini__platform_stay_mapped(void)
{
}

void fini__platform_resume_at_exit(bool on)
{
    (void)on;
}

void fini__platform_unload(void)
{
}

unsigned fini__platform_traits(void)
{
    return 0;
}

int fini__platform_refer(void **ret)
{
    (void)ret;
    return FINI_ENOTSUP;
}

int fini__platform_unrefer_later(void *reference)
{
    (void)reference;
    return FINI_ENOTSUP;
}

int fini__platform_refer_for_thread(void)
{
    return FINI_ENOTSUP;
}

void *fini__platform_shared(void)
{
    return NULL;
}

/* As pages are on most systems. */
enum { PAGE = 4096 };

void *fini__platform_map(size_t size)
{
    size = (size + PAGE - 1) / PAGE * PAGE;
    void *pages = aligned_alloc(PAGE, size);
    return pages ? memset(pages, 0, size) : NULL;
}

void fini__platform_unmap(void *pages, size_t size)
{
    (void)size;
    free(pages);
}

const char *fini__platform_library_name(void)
{
    return NULL;
}

int fini__platform_thread_start(void (*run)(void *arg), void *arg, const char *name, void **ret)
{
    (void)run, (void)arg, (void)name, (void)ret;
    return FINI_ENOTSUP;
}

bool fini__platform_thread_is_over(void *thread, bool out_is_enough)
{
    (void)thread, (void)out_is_enough;
    return true;
}

void fini__platform_thread_dismiss(void *thread)
{
    (void)thread;
}

void fini__platform_thread_forget(void *thread)
{
    (void)thread;
}

/* Each thread has an errno of its own, at an address of its own (C11, 7.5). */
uintptr_t fini__platform_thread(void)
{
    return (uintptr_t)&errno;
}

bool fini__platform_alone(void)
{
    return false;
}

bool fini__platform_is_forker(void)
{
    return true;
}

unsigned long fini__platform_thread_number(void)
{
    return 0;
}

/* ISO C has no way to wait without <threads.h>, which many systems lack. */
void fini__platform_pause(unsigned round)
{
    (void)round;
}

bool fini__platform_setting(const char *name)
{
    (void)name;
    return false;
}

void fini__platform_print(const char *text, size_t length)
{
    fwrite(text, 1, length, stderr);
}

const char *fini__platform_image_name(void)
{
    return "?";
}

/* ---- gates ----------------------------------------------------------------------------------- */

bool fini__platform_light_fences(void)
{
    return false;
}

bool fini__platform_heavy_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    return true;
}

const _Atomic uintptr_t *fini__platform_process_place(void)
{
    return NULL;
}

/* ISO C tells no time but the date that every system has. The second that has begun does not
 * count. */
int64_t fini__platform_deadline(int64_t timeout)
{
    if (timeout <= 0)
        return timeout < 0 ? -1 : 0;
    return (int64_t)time(NULL) + timeout / 1000000000 + 2;
}

bool fini__platform_wait(_Atomic uint32_t *word, uint32_t seen, int64_t deadline)
{
    if (atomic_load(word) != seen || deadline < 0)
        return true;
    return deadline > 0 && (int64_t)time(NULL) < deadline;
}

void fini__platform_wake(_Atomic uint32_t *word)
{
    (void)word;
}

/* ---- thread values --------------------------------------------------------------------------- */

int fini__platform_values_open(void (*ends)(void *value))
{
    (void)ends;
    return FINI_ENOTSUP;
}

void *fini__platform_values_get(void)
{
    return NULL;
}

int fini__platform_values_set(void *value)
{
    (void)value;
    return FINI_ENOTSUP;
}

void fini__platform_values_close(void)
{
}

void *fini__platform_allocate(size_t size)
{
    return calloc(1, size);
}

void fini__platform_free(void *memory)
{
    free(memory);
}

#else
typedef int fini__none_is_not_this_platform;
#endif
