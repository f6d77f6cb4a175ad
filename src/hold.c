/* SPDX-License-Identifier: MIT
 *
 * Staying mapped: pins and holds.
 *
 * Decides: when it is too late, and what a hold's state allows.
 * Leaves to others: references to the image, and how one ends without a return into unmapped code
 * (platform.h).
 *
 *   state    fini_hold            fini_release
 *   0        -> BUSY, then HELD   ENOENT
 *            or, failing, 0
 *   BUSY     EBUSY                ENOENT
 *   HELD     EBUSY                -> BUSY, then 0 or, failing, HELD
 *
 * The lock guards the states of all holds. It is not held while the platform is asked, which waits
 * for the loader's lock: constructors and finalizers run under that one, and hold and release.
 */
#include <errno.h>

#include "core.h"

/* Not small numbers: memory that nobody initialized must not look like a hold. */
enum { BUSY = 0x66696e33, HELD = 0x66696e34 };

static struct fini__lock holds_lock;
static atomic_bool pinned;

/* `refused` is the answer where the state does not allow it. */
static int change_state(struct fini_hold *hold, bool (*allows)(unsigned), unsigned to, int refused)
{
    if (!fini__lock_take(&holds_lock))
        return FINI_EDEADLK;
    int error = allows(hold->fini__state) ? FINI_OK : refused;
    if (error == FINI_OK)
        hold->fini__state = to;
    fini__lock_drop(&holds_lock);
    return error;
}

static bool is_held(unsigned state)
{
    return state == HELD;
}

static bool is_busy(unsigned state)
{
    return state == BUSY;
}

static bool is_free(unsigned state)
{
    return !is_held(state) && !is_busy(state);
}

unsigned fini_traits(void)
{
    int saved = errno;
    unsigned traits = fini__platform_traits();
    errno = saved;
    return traits | (atomic_load(&pinned) ? FINI_PINNED : 0);
}

/* Two threads at once leave two references, which is as good. */
static int pin(void)
{
    void *reference;
    if (atomic_load(&pinned))
        return FINI_OK;
    int error = fini__image_finalizing() ? FINI_EFINALIZING : fini__platform_refer(&reference);
    if (error == FINI_OK)
        atomic_store(&pinned, true);
    return error;
}

int fini_pin(void)
{
    int saved = errno;
    int error = pin();
    errno = saved;
    return error;
}

static int hold_image(struct fini_hold *hold)
{
    int error = change_state(hold, is_free, BUSY, FINI_EBUSY);
    if (error != FINI_OK)
        return error;
    error = fini__platform_refer(&hold->fini__reference);
    change_state(hold, is_busy, error == FINI_OK ? HELD : 0, FINI_OK);
    return error;
}

int fini_hold(struct fini_hold *hold)
{
    int saved = errno;
    int error = !hold ? FINI_EINVAL
              : fini__image_finalizing() ? FINI_EFINALIZING : hold_image(hold);
    errno = saved;
    return error;
}

/* At exit the image stays for ever, whoever refers to it. */
static int let_image_go(void *reference)
{
    if (!reference || fini__image_finalizing())
        return FINI_OK;
    return fini__platform_unrefer_later(reference);
}

static int release_image(struct fini_hold *hold)
{
    int error = change_state(hold, is_held, BUSY, FINI_ENOENT);
    if (error != FINI_OK)
        return error;
    error = let_image_go(hold->fini__reference);
    change_state(hold, is_busy, error == FINI_OK ? 0 : HELD, FINI_OK);
    return error;
}

int fini_release(struct fini_hold *hold)
{
    int saved = errno;
    int error = hold ? release_image(hold) : FINI_EINVAL;
    errno = saved;
    return error;
}

int fini_hold_for_thread(void)
{
    int saved = errno;
    int error = fini__image_finalizing() ? FINI_EFINALIZING : fini__platform_refer_for_thread();
    errno = saved;
    return error;
}
