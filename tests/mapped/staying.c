/* SPDX-License-Identifier: MIT
 *
 * Pins and holds of a library that a host opens: in the main thread, in others, in constructors;
 * when it goes, in which thread, and what the calls answer when it is too late.
 *
 * Leaves to others: other ways in (places.c), limits (limits.c), races (stress.c).
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

static struct image image;
static struct fini_hold hold, second_hold;

static void open_member(void)
{
    open_image(&image, "member.so");
    require_eq(image.m->traits(), TRAITS(0));
}

/* ---- the main thread ------------------------------------------------------------------------- */

/* The control of all that follows: without a hold it goes. */
CASE(without_a_hold)
{
    open_member();
    require_stays(&image);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, thread_number());
}

static void pin_and_close(void)
{
    require_eq(image.m->pin(), FINI_OK);
    require_eq(image.m->pin(), FINI_OK);
    require_eq(image.m->traits(), TRAITS(FINI_PINNED));
    close_image(&image);
    require_stays(&image);
    require_eq(image.m->traits(), TRAITS(FINI_PINNED));
}

CASE(pinned)
{
    open_member();
    pin_and_close();
}

static void *pin_in_thread(void *arg)
{
    (void)arg;
    pin_and_close();
    return NULL;
}

CASE(pinned_in_a_thread)
{
    open_member();
    in_thread(pin_in_thread, NULL);
    require_stays(&image);
}

CASE(held_and_opened_again)
{
    open_member();
    const struct member *before = image.m;
    require_eq(image.m->hold(&hold), FINI_OK);
    require_eq(image.m->hold(&hold), FINI_EBUSY);
    close_image(&image);
    require_stays(&image);
    open_member();
    require(image.m == before);
    require_eq(image.m->generation(), 1);
    close_image(&image);
    require_stays(&image);
}

static void say_why(void)
{
    say("%s", image.ending->why == FINI_EXIT ? "exit" : "not an exit");
}

/* On the main thread nothing gives the reference back but pthread_exit. */
CASE(released_in_main_and_exit, .after = "exit\n")
{
    open_member();
    image.m->in_hook(say_why);
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_eq(image.m->release(&hold), FINI_OK);
    require_eq(image.m->release(&hold), FINI_ENOENT);
    require_stays(&image);
}

static void *release_and_exit(void *arg)
{
    require_eq(image.m->release(arg), FINI_OK);
    say("exiting");
    exit(0);
}

/* exit() in the thread that was to give the reference back. */
CASE(released_in_a_thread_that_exits, .expect = "exiting\nexit\n", .ends = true)
{
    open_member();
    image.m->in_hook(say_why);
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    in_thread(release_and_exit, &hold);
}

static struct visit watch;

static void *look_when_main_has_ended(void *arg)
{
    const int *main_thread = arg;
    for (int n = 0; n < WHERE_UNLOADED(5000, 50) && is_mapped(&image); n++)
        nap(1000);
    require_gone(&image, FINI_UNLOAD, *main_thread);
    say("gone");
    exit(0);
}

static void end_main(void)
{
    static int main_thread;
    pthread_t thread;
    main_thread = thread_number();
    require_stays(&image);
    require_eq(pthread_create(&thread, NULL, look_when_main_has_ended, &main_thread), 0);
    pthread_exit(NULL);
}

CASE(released_in_main_that_ends, .expect = "gone\n", .ends = true)
{
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_eq(image.m->release(&hold), FINI_OK);
    end_main();
}

CASE(held_for_main_that_ends, .expect = "gone\n", .ends = true)
{
    open_member();
    require_eq(image.m->hold_for_thread(), FINI_OK);
    require_eq(image.m->hold_for_thread(), FINI_OK);
    close_image(&image);
    end_main();
}

/* ---- other threads --------------------------------------------------------------------------- */

static int worker;

static void *hold_close_release(void *arg)
{
    (void)arg;
    worker = thread_number();
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_stays(&image);
    require_eq(image.m->release(&hold), FINI_OK);
    require_stays(&image);
    return NULL;
}

CASE(released_in_a_thread)
{
    open_member();
    in_thread(hold_close_release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* The hold is taken in one thread and given back in another, which ends first or last. */
static void *release_and_wait(void *arg)
{
    struct visit *v = arg;
    worker = thread_number();
    require_eq(image.m->release(&hold), FINI_OK);
    atomic_store(&v->inside, 1);
    while (!atomic_load(&v->leave))
        nap(1000);
    return NULL;
}

CASE(goes_when_the_thread_has_ended_and_not_before)
{
    pthread_t thread;
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_eq(pthread_create(&thread, NULL, release_and_wait, &watch), 0);
    while (!atomic_load(&watch.inside))
        nap(1000);
    for (int n = 0; n < 20; n++) {
        require_stays(&image);
        nap(1000);
    }
    atomic_store(&watch.leave, 1);
    pthread_join(thread, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

static void *release_second(void *arg)
{
    worker = thread_number();
    require_eq(image.m->release(arg), FINI_OK);
    return NULL;
}

CASE(several_holds)
{
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    require_eq(image.m->hold(&second_hold), FINI_OK);
    close_image(&image);
    in_thread(release_second, &hold);
    require_stays(&image);
    require_eq(image.m->release(&hold), FINI_ENOENT);
    in_thread(release_second, &second_hold);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* The first release is the one that waits; the second gives its reference back at once, and the
 * image is still there under its caller. */
static void *release_both(void *arg)
{
    (void)arg;
    worker = thread_number();
    require_eq(image.m->release(&hold), FINI_OK);
    require_eq(image.m->release(&second_hold), FINI_OK);
    require_stays(&image);
    require_eq(image.m->hold_for_thread(), FINI_OK);
    require_stays(&image);
    return NULL;
}

CASE(two_releases_in_one_thread)
{
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    require_eq(image.m->hold(&second_hold), FINI_OK);
    close_image(&image);
    in_thread(release_both, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

static void *hold_for_thread_and_release(void *arg)
{
    (void)arg;
    worker = thread_number();
    require_eq(image.m->hold_for_thread(), FINI_OK);
    require_eq(image.m->hold_for_thread(), FINI_OK);
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    require_eq(image.m->release(&hold), FINI_OK);
    require_stays(&image);
    return NULL;
}

CASE(held_for_a_thread)
{
    open_member();
    in_thread(hold_for_thread_and_release, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* Released, and held again at once: the pending reference of the first is not the second's. */
static void *release_and_hold_again(void *arg)
{
    (void)arg;
    require_eq(image.m->release(&hold), FINI_OK);
    require_eq(image.m->hold(&hold), FINI_OK);
    return NULL;
}

CASE(held_again_at_once)
{
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    in_thread(release_and_hold_again, NULL);
    require_stays(&image);
    in_thread(release_second, &hold);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* Threads that end and others that begin use the same keys. */
CASE(one_thread_after_another)
{
    for (int n = 0; n < 50; n++) {
        open_member();
        require_eq(image.m->generation(), GENERATION(n + 1));
        in_thread(hold_close_release, NULL);
        require_gone(&image, FINI_UNLOAD, worker);
    }
}

static struct image other;

static void *release_two_images(void *arg)
{
    (void)arg;
    worker = thread_number();
    require_eq(image.m->release(&hold), FINI_OK);
    require_eq(other.m->release(&second_hold), FINI_OK);
    require_stays(&image);
    require_stays(&other);
    return NULL;
}

CASE(two_images_in_one_thread)
{
    open_member();
    open_image(&other, "other.so");
    require_eq(image.m->hold(&hold), FINI_OK);
    require_eq(other.m->hold(&second_hold), FINI_OK);
    close_image(&image);
    close_image(&other);
    in_thread(release_two_images, NULL);
    require_gone(&image, FINI_UNLOAD, worker);
    require_gone(&other, FINI_UNLOAD, worker);
}

/* A thread key's destructor of the host, which runs when the image may be gone, releases a hold. */
static pthread_key_t host_key;

static void release_in_destructor(void *value)
{
    require_eq(image.m->release(value), FINI_OK);
    require_stays(&image);
}

static void *set_host_key(void *arg)
{
    worker = thread_number();
    require_eq(pthread_setspecific(host_key, arg), 0);
    return NULL;
}

CASE(released_in_a_key_destructor)
{
    require_eq(pthread_key_create(&host_key, release_in_destructor), 0);
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    in_thread(set_host_key, &hold);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* ---- constructors ---------------------------------------------------------------------------- */

static void open_with_constructor(const char *what)
{
    setenv("MAPPED_CONSTRUCTOR", what, 1);
    open_member();
    require_eq(image.constructed->error, FINI_OK);
    close_image(&image);
}

CASE(held_in_a_constructor)
{
    open_with_constructor("hold");
    require_stays(&image);
    in_thread(release_second, &image.constructed->hold);
    require_gone(&image, FINI_UNLOAD, worker);
}

CASE(pinned_in_a_constructor)
{
    setenv("MAPPED_CONSTRUCTOR", "pin", 1);
    open_image(&image, "member.so");
    require_eq(image.m->traits(), TRAITS(FINI_PINNED));
    close_image(&image);
    require_stays(&image);
}

static void *open_with_constructor_in_thread(void *what)
{
    worker = thread_number();
    open_with_constructor(what);
    require_stays(&image);
    return NULL;
}

CASE(held_for_the_thread_in_a_constructor)
{
    char what[] = "thread";
    in_thread(open_with_constructor_in_thread, what);
    require_gone(&image, FINI_UNLOAD, worker);
}

CASE(released_in_a_constructor)
{
    char what[] = "release";
    in_thread(open_with_constructor_in_thread, what);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* A constructor of the image that runs before libfini's own. */
static void *open_early(void *arg)
{
    (void)arg;
    setenv("MAPPED_CONSTRUCTOR", "early", 1);
    open_image(&image, "fini-last.so");
    say("generation %u, keep: %s, release: %s", image.constructed->early_generation,
        image.m->error_text(image.constructed->early_keep),
        image.m->error_text(image.constructed->early_release));
    close_image(&image);
    require_stays(&image);
    return NULL;
}

CASE(all_of_it_in_the_first_constructor, .expect =
     "generation 1, keep: success, release: success\n")
{
    in_thread(open_early, NULL);
    require_unmapped(&image);
}

/* ---- too late -------------------------------------------------------------------------------- */

/* Holds that are refused leave nothing behind. */
static void try_all(void)
{
    static struct fini_hold late;
    say("hold: %s", image.m->error_text(image.m->hold(&late)));
    say("pin: %s", image.m->error_text(image.m->pin()));
    say("hold for thread: %s", image.m->error_text(image.m->hold_for_thread()));
    say("release: %s", image.m->error_text(image.m->release(&late)));
}

#define ALL_TOO_LATE                                                    \
    "hold: too late: finalization has begun\n"                          \
    "pin: too late: finalization has begun\n"                           \
    "hold for thread: too late: finalization has begun\n"               \
    "release: not there\n"

CASE(too_late_in_a_hook, .unloads = true, .expect = ALL_TOO_LATE)
{
    open_member();
    image.m->in_hook(try_all);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, thread_number());
}

CASE(too_late_in_a_hook_at_exit, .after = ALL_TOO_LATE)
{
    open_member();
    image.m->in_hook(try_all);
}

CASE(too_late_in_an_exit_handler_at_unload, .unloads = true, .expect = ALL_TOO_LATE)
{
    open_member();
    image.m->in_exit_handler(try_all);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, thread_number());
}

/* Its destructor functions run before or after libfini's, as it was linked. */
static void try_in_destructor(const char *name)
{
    open_image(&image, name);
    image.m->in_destructor(try_all);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, thread_number());
}

CASE(too_late_in_a_destructor, .unloads = true, .expect = ALL_TOO_LATE)
{
    try_in_destructor("fini-last.so");
}

CASE(too_late_in_a_destructor_before_libfini, .unloads = true, .expect = ALL_TOO_LATE)
{
    try_in_destructor("fini-first.so");
}

/* exit() runs it before any image is finalized. */
static void hold_in_exit_handler(void)
{
    say("hold: %s", image.m->error_text(image.m->hold(&hold)));
    say("release: %s", image.m->error_text(image.m->release(&hold)));
}

CASE(not_too_late_in_an_exit_handler_at_exit, .after = "hold: success\nrelease: success\n")
{
    open_member();
    image.m->in_exit_handler(hold_in_exit_handler);
}

/* ---- a host that unloads under a thread ------------------------------------------------------ */

/* The thread says that it is inside, sleeps, and goes on in the image's code. */
static void close_under_thread(void *arg)
{
    struct visit *v = arg;
    pthread_t thread;
    open_member();
    require_eq(pthread_create(&thread, NULL, image.m->visit, v), 0);
    while (!atomic_load(&v->inside))
        nap(100);
    require_eq(v->error, FINI_OK);
    close_image(&image);
    nap(3000);
    atomic_store(&v->leave, 1);
    pthread_join(thread, NULL);
    require_gone(&image, FINI_UNLOAD, 0);
}

static void close_under_threads(int hold_kind, int signal)
{
    for (int n = 0; n < 20; n++) {
        struct visit *v = shared_memory(sizeof *v);
        v->hold = hold_kind;
        int status = in_child(close_under_thread, v, 8);
        require(status != HUNG);
        require_eq(WIFSIGNALED(status) ? WTERMSIG(status) : 0, signal);
        require(signal != 0 || status == 0);
    }
}

CASE(naive_thread_crashes, .unloads = true, .slow = true)
{
    close_under_threads(HOLD_NOTHING, SIGSEGV);
}

CASE(held_thread_goes_on, .slow = true)
{
    close_under_threads(HOLD_FOR_THREAD, 0);
}

CASE(cancelled_inside, .unloads = true)
{
    static struct visit v = {.hold = HOLD_FOR_THREAD};
    pthread_t thread;
    void *result;
    open_member();
    require_eq(pthread_create(&thread, NULL, image.m->visit, &v), 0);
    while (!atomic_load(&v.inside))
        nap(100);
    close_image(&image);
    require_stays(&image);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    require(result == PTHREAD_CANCELED);
    require_gone(&image, FINI_UNLOAD, 0);
    require(image.ending->thread != thread_number());
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void release_in_child(void *arg)
{
    (void)arg;
    in_thread(release_second, &hold);
    require(!is_mapped(&image));
    require_eq(image.ending->count, 1);
}

CASE(holds_of_a_child_are_its_own, .unloads = true)
{
    open_member();
    require_eq(image.m->hold(&hold), FINI_OK);
    close_image(&image);
    in_sound_child(release_in_child, NULL);
    image.ending->count = 0;
    require_stays(&image);
    in_thread(release_second, &hold);
    require_gone(&image, FINI_UNLOAD, worker);
}

/* The thread that forks has a reference pending; so has its copy. */
static void end_thread_in_child(void *arg)
{
    (void)arg;
    require_stays(&image);
    pthread_exit(NULL);
}

static void *fork_with_a_reference(void *arg)
{
    (void)arg;
    require_eq(image.m->hold_for_thread(), FINI_OK);
    close_image(&image);
    in_sound_child(end_thread_in_child, NULL);
    require_eq(image.ending->count, 1);
    image.ending->count = 0;
    require_stays(&image);
    return NULL;
}

CASE(references_of_a_thread_that_forks, .unloads = true)
{
    open_member();
    in_thread(fork_with_a_reference, NULL);
    require_gone(&image, FINI_UNLOAD, 0);
}
