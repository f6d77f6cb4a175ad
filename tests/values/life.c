/* SPDX-License-Identifier: MIT
 *
 * Thread values of a plugin on the real loader: at a thread's end, at unload, at exit, in a forked
 * child; by which thread, in which order, how often, and what the calls answer.
 *
 * Leaves to others: races (stress.c, window.c), states (tests/unit).
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "host.h"

static struct image image;

static void open_plugin(int values)
{
    open_image(&image, "values-plugin.so");
    for (int n = 0; n < values; n++)
        require_eq(image.p->init(n), FINI_OK);
}

static void set_first(void *value)
{
    require_eq(image.p->set(0, value), FINI_OK);
    require(image.p->get(0) == value);
}

/* ---- a thread ends --------------------------------------------------------------------------- */

CASE(at_the_end_of_a_thread, .expect = "a: thread exit\n")
{
    open_plugin(1);
    in_thread(set_first, "a");
    require(image.p->get(0) == NULL);
    close_image(&image);
}

static void set_three(void *unused)
{
    (void)unused;
    require_eq(image.p->set(1, "b"), FINI_OK);
    require_eq(image.p->set(2, "c"), FINI_OK);
    require_eq(image.p->set(0, "a"), FINI_OK);
}

CASE(newest_first_at_the_end_of_a_thread,
     .expect = "c: thread exit\nb: thread exit\na: thread exit\n")
{
    open_plugin(3);
    in_thread(set_three, NULL);
    close_image(&image);
}

static void set_and_take_back(void *value)
{
    set_first(value);
    set_first("another");
    set_first(NULL);
}

CASE(null_is_no_value)
{
    open_plugin(1);
    in_thread(set_and_take_back, "a");
    close_image(&image);
}

static int rounds;

static void set_again(void *value, fini_reason why)
{
    say_value(value, why);
    if (why == FINI_THREAD_EXIT && ++rounds < 100)
        set_first(value);
}

/* Four times, as POSIX has it; what is left then is not lost. */
CASE(set_again_by_its_destructor,
     .expect = "a: thread exit\na: thread exit\na: thread exit\na: thread exit\n"
               WHERE_UNLOADED("a: unload\n", ""))
{
    open_plugin(1);
    report = set_again;
    in_thread(set_first, "a");
    close_image(&image);
}

static void set_other(void *value, fini_reason why)
{
    say_value(value, why);
    if (strcmp(value, "a") == 0)
        require_eq(image.p->set(1, "b"), FINI_OK);
}

CASE(one_sets_another, .expect = "a: thread exit\nb: thread exit\n")
{
    open_plugin(2);
    report = set_other;
    in_thread(set_first, "a");
    close_image(&image);
}

/* Keys of the host with higher and with lower numbers: libc is past ours, or not there yet. */
static pthread_key_t host_keys[2];

static void set_from_host(void *value)
{
    say("%s", (const char *)value);
    set_first(value);
}

static void set_host_keys(void *unused)
{
    (void)unused;
    set_first("first");
    for (int n = 0; n < 2; n++)
        pthread_setspecific(host_keys[n], n == 0 ? "lower" : "higher");
}

CASE(set_by_destructors_of_the_host,
     .expect = "lower\nlower: thread exit\nhigher\nhigher: thread exit\n")
{
    require_eq(pthread_key_create(&host_keys[0], set_from_host), 0);
    open_plugin(1);
    require_eq(pthread_key_create(&host_keys[1], set_from_host), 0);
    in_thread(set_host_keys, NULL);
    close_image(&image);
}

/* libc gives up after four rounds, and the thread ends with a value. */
static void set_for_ever(void *value)
{
    pthread_setspecific(host_keys[0], value);
    set_first(value);
}

static void ignore(void *value, fini_reason why)
{
    if (why != FINI_THREAD_EXIT)
        say_value(value, why);
}

CASE(set_for_ever_by_the_host, .unloads = true, .expect = "a: unload\n")
{
    open_plugin(1);
    report = ignore;
    require_eq(pthread_key_create(&host_keys[0], set_for_ever), 0);
    in_thread(set_for_ever, "a");
    close_image(&image);
}

static void sleep_and_say(void *value, fini_reason why)
{
    usleep(1000);
    say_value(value, why);
}

/* libc heeds it in the first destructor that calls a cancellation point, unless the thread ends by
 * pthread_exit (seen in glibc 2.36): the value would be lost. */
static void *set_and_be_cancelled_later(void *value)
{
    set_first(value);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    return NULL;
}

CASE(a_thread_ends_with_a_cancellation_that_nobody_has_heeded, .expect = "a: thread exit\n")
{
    pthread_t thread;
    open_plugin(1);
    report = sleep_and_say;
    require_eq(pthread_create(&thread, NULL, set_and_be_cancelled_later, "a"), 0);
    require_eq(pthread_join(thread, NULL), 0);
    close_image(&image);
}

/* ---- unload ---------------------------------------------------------------------------------- */

enum { GUESTS = 3 };
static struct guest guests[GUESTS];
static const char *const names[] = {"a", "b", "c"};
static pthread_t unloader;

static void start_guests(void)
{
    for (int n = 0; n < GUESTS; n++) {
        guests[n].first = set_first;
        guests[n].arg = (void *)(uintptr_t)names[n];
        guest_starts(&guests[n]);
    }
}

static void end_guests(void)
{
    for (int n = 0; n < GUESTS; n++)
        guest_ends(&guests[n]);
}

static void count_in_unloader(void *value, fini_reason why)
{
    require(pthread_equal(pthread_self(), unloader));
    require_eq(why, FINI_UNLOAD);
    rounds++;
    require(image.p->get(0) == NULL);
    require_eq(image.p->set(0, value), FINI_EFINALIZING);
}

/* They live on, and end when the image is gone. */
CASE(unloaded_while_threads_have_values, .unloads = true)
{
    open_plugin(1);
    start_guests();
    set_first("main");
    report = count_in_unloader;
    unloader = pthread_self();
    close_image(&image);
    require_eq(rounds, GUESTS + 1);
    end_guests();
    require_eq(rounds, GUESTS + 1);
}

CASE(values_and_hooks_unwind_together, .unloads = true,
     .expect = "c: unload\nb: unload\nhook: unload\na: unload\n")
{
    open_plugin(1);
    require_eq(image.p->add_hook("hook"), FINI_OK);
    require_eq(image.p->init(1), FINI_OK);
    require_eq(image.p->init(2), FINI_OK);
    in_thread(set_first, NULL);
    set_three(NULL);
    close_image(&image);
}

/* Each load begins with no values, also in a thread that had some before. */
static void expect_none_and_set(void *value)
{
    require(image.p->get(0) == NULL);
    set_first(value);
}

CASE(reloaded_under_a_thread, .unloads = true,
     .expect = "old: unload\nnew: thread exit\n")
{
    struct guest guest = {.first = set_first, .last = expect_none_and_set, .arg = "old"};
    open_plugin(1);
    guest_starts(&guest);
    close_image(&image);
    open_plugin(1);
    guest.arg = "new";
    guest_ends(&guest);
    close_image(&image);
}

static int free_keys(void)
{
    static pthread_key_t keys[PTHREAD_KEYS_MAX];
    int count = 0;
    while (count < PTHREAD_KEYS_MAX && pthread_key_create(&keys[count], NULL) == 0)
        count++;
    for (int n = 0; n < count; n++)
        pthread_key_delete(keys[n]);
    return count;
}

static void be_silent(void *value, fini_reason why)
{
    (void)value, (void)why;
}

CASE(reloads_use_up_no_keys, .unloads = true)
{
    report = be_silent;
    open_plugin(1);
    int before = free_keys();
    start_guests();
    close_image(&image);
    for (int n = 0; n < 500; n++) {
        open_plugin(1);
        in_thread(set_first, "a");
        set_first("b");
        close_image(&image);
        if (n % 100 == 0)
            require_eq(free_keys(), before);
    }
    require_eq(free_keys(), before);
    end_guests();
}

/* The new version is there before the old one goes, as in a host that hands over. */
CASE(overlapped_reloads, .unloads = true)
{
    struct image old = {.handle = NULL};
    int before = 0;
    report = be_silent;
    for (int n = 0; n < 200; n++) {
        open_image(&image, n % 2 ? "values-plugin.so" : "values-other.so");
        require_eq(image.p->init(0), FINI_OK);
        expect_none_and_set("a");
        in_thread(expect_none_and_set, "b");
        if (old.handle != NULL)
            close_image(&old);
        old = image;
        if (n == 2)
            before = free_keys();
    }
    require_eq(free_keys(), before);
}

/* ---- fini_local_destroy ---------------------------------------------------------------------- */

CASE(destroyed_while_the_image_stays, .expect = "*: unload\n*: unload\n*: unload\nd: thread exit\n")
{
    open_plugin(2);
    start_guests();
    image.p->destroy(0);
    require_eq(image.p->set(0, "x"), FINI_EINVAL);
    require(image.p->get(0) == NULL);
    image.p->destroy(0);
    require_eq(image.p->init(0), FINI_OK);
    end_guests();
    in_thread(set_first, "d");
    close_image(&image);
}

static void destroy_itself(void *value, fini_reason why)
{
    say_value(value, why);
    image.p->destroy(0);
    require_eq(image.p->set(0, "x"), FINI_EINVAL);
}

CASE(destroyed_by_its_destructor, .expect = "a: thread exit\nmain: unload\n")
{
    open_plugin(1);
    set_first("main");
    report = destroy_itself;
    in_thread(set_first, "a");
    report = say_value;
    require_eq(image.p->init(0), FINI_OK);
    close_image(&image);
}

/* ---- limits ---------------------------------------------------------------------------------- */

CASE(as_many_as_an_image_may_have)
{
    open_plugin(256);
    report = count_in_unloader;
    require_eq(image.p->init(256), FINI_EAGAIN);
    require_eq(image.p->init(0), FINI_EBUSY);
    image.p->destroy(77);
    require_eq(image.p->init(256), FINI_OK);
    require_eq(image.p->init(257), FINI_EAGAIN);
    report = be_silent;
    for (int n = 0; n <= 256; n++)
        require_eq(image.p->set(n, "a"), n == 77 ? FINI_EINVAL : FINI_OK);
    close_image(&image);
}

CASE(no_keys_left, .expect = "a: thread exit\n")
{
    static pthread_key_t keys[PTHREAD_KEYS_MAX];
    int count = 0;
    open_plugin(0);
    while (pthread_key_create(&keys[count], NULL) == 0)
        count++;
    require_eq(image.p->init(0), FINI_EAGAIN);
    for (int n = 0; n < count; n += 2) /* no neighbours, which only an unload needs */
        pthread_key_delete(keys[n]);
    require_eq(image.p->init(0), WHERE_UNLOADED(FINI_EAGAIN, FINI_OK));
    pthread_key_delete(keys[count / 2 | 1]);
    require_eq(image.p->init(0), WHERE_UNLOADED(FINI_OK, FINI_EBUSY));
    in_thread(set_first, "a");
    close_image(&image);
}

#ifdef LM_ID_NEWLM
/* Two libcs disagree about a thread's keys. */
CASE(in_a_namespace)
{
    char path[PATH_MAX];
    void *handle = dlmopen(LM_ID_NEWLM, harness_path(path, "values-plugin.so"), RTLD_NOW);
    require(handle != NULL);
    const struct plugin *p = dlsym(handle, "plugin");
    require_eq(p->init(0), FINI_ENOTSUP);
    require_eq(p->set(0, "a"), FINI_EINVAL);
    dlclose(handle);
}
#endif

CASE(errno_is_kept)
{
    open_plugin(0);
    report = be_silent;
    errno = 4711;
    require_eq(image.p->init(0), FINI_OK);
    require_eq(image.p->set(0, "a"), FINI_OK);
    image.p->destroy(0);
    require_eq(errno, 4711);
}

/* ---- exit ------------------------------------------------------------------------------------ */

static void set_and_exit(void *unused)
{
    (void)unused;
    set_first("other");
    exit(0);
}

static void plan_exit(void)
{
    open_plugin(1);
    start_guests();
    set_first("main");
}

CASE(exit_leaves_them_alone)
{
    plan_exit();
}

CASE(exit_in_a_thread_leaves_them_alone, .ends = true)
{
    plan_exit();
    in_thread(set_and_exit, NULL);
}

CASE(a_clean_exit_leaves_them_alone)
{
    setenv("FINI_CLEAN_EXIT", "1", 1);
    plan_exit();
}

static void close_it(void)
{
    close_image(&image);
}

CASE(unloaded_by_an_exit_handler, .unloads = true, .after = "main: unload at exit\n")
{
    open_plugin(1);
    set_first("main");
    atexit(close_it);
}

static void *exit_later(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    say("joined");
    exit(0);
}

CASE(main_ends_before_the_process, .expect = "main: thread exit\njoined\n", .ends = true)
{
    static pthread_t main_thread;
    pthread_t thread;
    open_plugin(1);
    set_first("main");
    main_thread = pthread_self();
    require_eq(pthread_create(&thread, NULL, exit_later, &main_thread), 0);
    pthread_exit(NULL);
}

/* ---- fork ------------------------------------------------------------------------------------ */

static void close_in_child(void *unused)
{
    (void)unused;
    require(strcmp(image.p->get(0), "main") == 0);
    close_image(&image);
    _exit(0);
}

static void end_in_child(void *unused)
{
    (void)unused;
    in_thread(set_first, "child");
    pthread_exit(NULL);
}

static void close_in_thread(void *unused)
{
    (void)unused;
    close_image(&image);
}

static void close_in_thread_of_child(void *unused)
{
    (void)unused;
    require(image.p->get(0) != NULL);
    in_thread(close_in_thread, NULL);
    _exit(0);
}

CASE(unloaded_in_a_child, .unloads = true, .expect = "main: unload\n")
{
    open_plugin(1);
    start_guests();
    set_first("main");
    in_sound_child(close_in_child, NULL);
    report = be_silent;
}

CASE(unloaded_in_a_thread_of_a_child, .unloads = true, .expect = "main: unload\n")
{
    open_plugin(1);
    start_guests();
    set_first("main");
    in_sound_child(close_in_thread_of_child, NULL);
    report = be_silent;
}

CASE(threads_end_in_a_child, .expect = "child: thread exit\nmain: thread exit\n")
{
    open_plugin(1);
    start_guests();
    set_first("main");
    in_sound_child(end_in_child, NULL);
    report = be_silent;
}

static sem_t inside, go_on;

static void stay_in_destructor(void *value, fini_reason why)
{
    if (strcmp(value, "stays") == 0) {
        sem_post(&inside);
        sem_wait(&go_on);
    } else {
        say_value(value, why);
    }
}

/* A thread is in its destructor when another forks: nobody in the child waits for it. */
CASE(forked_while_a_thread_is_in_its_destructor, .unloads = true, .expect = "main: unload\n")
{
    struct guest guest = {.first = set_first, .arg = "stays"};
    open_plugin(1);
    set_first("main");
    report = stay_in_destructor;
    guest_starts(&guest);
    sem_post(&guest.leave);
    sem_wait(&inside);
    in_sound_child(close_in_child, NULL);
    sem_post(&go_on);
    pthread_join(guest.thread, NULL);
    report = be_silent;
}
