/* SPDX-License-Identifier: MIT
 *
 * Constructors and finalizers called by the loader: .init_array, .fini_array.
 *
 * Decides: to finalize from .fini_array and not from an exit handler, which another thread's
 * dlclose can unmap while exit() runs it.
 * Leaves to others: why (the file of the system).
 */
#include "select.h"

#ifdef FINI_USES_ARRAY

#include <errno.h>
#include <pthread.h>

#include "array.h"
#include "plain.h"

/* From crtbegin.o, unless linked with -nostartfiles. */
extern void *__dso_handle FINI_WEAK __attribute__((visibility("hidden")));

FINI_CONSTRUCTOR static void call_loaded(void)
{
    int saved = errno;
    fini__system_loaded();
    fini__image_loaded();
    errno = saved;
}

/* A hook that is cancelled in dlclose would leave the loader as it is. */
FINI_DESTRUCTOR static void call_finalize(void)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    fini__image_finalize(FINI_FRAME());
    fini__forget_leaving();
    pthread_setcancelstate(cancel_state, NULL);
}

struct fini__sight fini__platform_see(const void *frame)
{
    (void)frame;
    return fini__system_sees();
}

/* Those of a start-up image are older than the loader's own, so exit() has not run them yet. */
void fini__platform_run_exit_handlers(void)
{
    if (&__dso_handle && __dso_handle)
        __cxa_finalize(__dso_handle);
}

/* Called for an image that was loaded at start-up, or is the program: it stays. */
void fini__platform_stay_mapped(void)
{
}

void fini__platform_unload(void)
{
    fini__unmark_exit();
}

#else
typedef int fini__array_is_not_for_this_platform;
#endif
