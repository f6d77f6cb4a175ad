/* SPDX-License-Identifier: MIT
 *
 * Thread values on the fake platform: states and errors, what a failure leaves behind, and which
 * finalization destroys what.
 *
 * Leaves to others: threads that are really two (tests/values).
 */
#include <errno.h>
#include <string.h>

#include "probe.h"

static struct fini_local l, m;
static const int places = 1; /* allocated as long as there are any */

static void say_value(void *value, fini_reason why)
{
    say("%s: %s", (const char *)value, fini_reason_name(why));
}

static void start(void)
{
    probe_start();
    memset(&l, 0, sizeof l);
    memset(&m, 0, sizeof m);
}

static void init(struct fini_local *local)
{
    require_eq(fini_local_init(local, say_value), FINI_OK);
}

static void set(uintptr_t thread, struct fini_local *local, const char *value)
{
    fake.thread = thread;
    require_eq(fini_local_set(local, (void *)(uintptr_t)value), FINI_OK);
    require(fini_local_get(local) == value);
}

/* ---- states and errors ----------------------------------------------------------------------- */

CASE(local_of_nothing)
{
    start();
    require_eq(fini_local_init(NULL, say_value), FINI_EINVAL);
    require_eq(fini_local_init(&l, NULL), FINI_EINVAL);
    require_eq(fini_local_set(NULL, &l), FINI_EINVAL);
    require(fini_local_get(NULL) == NULL);
    fini_local_destroy(NULL);
    fini_local_destroy(&l);
    require(strcmp(fake.log, "") == 0);
}

CASE(local_memory_that_nobody_initialized)
{
    for (unsigned fill = 0; fill < 256; fill++) {
        start();
        memset(&l, (int)fill, sizeof l);
        fini_local_destroy(&l);
        require_eq(fini_local_set(&l, &l), FINI_EINVAL);
        require(fini_local_get(&l) == NULL);
        init(&l);
        require_eq(fini_local_init(&l, say_value), FINI_EBUSY);
        fini_local_destroy(&l);
        require_eq(fini_local_set(&l, &l), FINI_EINVAL);
        fake_finalize(FINI_UNLOAD);
        require_eq(fake.allocations, 0);
    }
}

CASE(local_that_the_platform_refuses, .expect = "a: thread exit\n")
{
    static const int errors[] = {FINI_ENOTSUP, FINI_EAGAIN, FINI_ENOMEM};
    start();
    fake.allocations_most = 1;
    require_eq(fini_local_init(&l, say_value), FINI_ENOMEM);
    fake.allocations_most = 0;
    for (int n = 0; n < 3; n++) {
        fake.values_refuse = errors[n];
        require_eq(fini_local_init(&l, say_value), errors[n]);
        require_eq(fini_local_set(&l, &l), FINI_EINVAL);
    }
    fake.values_refuse = FINI_OK;
    init(&l);
    fake.values_refuse = FINI_ENOMEM;
    require_eq(fini_local_set(&l, &l), FINI_ENOMEM);
    require_eq(fake.allocations, places);
    fake.values_refuse = FINI_OK;
    set(2, &l, "a");
    fake_thread_ends(2);
    require_eq(fake.allocations, places);
}

CASE(local_without_memory, .expect = "a: thread exit\n")
{
    start();
    init(&l);
    init(&m);
    for (int most = 1; most <= 2; most++) {
        fake.allocations_most = places + most;
        require_eq(fini_local_set(&l, &l), FINI_ENOMEM);
        require(fini_local_get(&l) == NULL);
        require_eq(fini_local_set(&l, NULL), most == 1 ? FINI_OK : FINI_ENOMEM);
    }
    fake.allocations_most = 0;
    set(1, &l, "a");
    fake.allocations_most = fake.allocations + 1;
    set(1, &l, "a");
    set(1, &m, "b");
    require_eq(fini_local_set(&m, NULL), FINI_OK);
    fake_thread_ends(1);
    require_eq(fake.allocations, places);
}

/* Below a signal handler that interrupted one of the calls. */
CASE(local_inside_itself)
{
    start();
    init(&l);
    require(fini__lock_take(inside_locals_lock()));
    require_eq(fini_local_init(&m, say_value), FINI_EDEADLK);
    require_eq(fini_local_set(&l, &l), FINI_EDEADLK);
    require_eq(fake.allocations, places);
    fini__lock_drop(inside_locals_lock());
    init(&m);
}

CASE(local_keeps_errno, .expect = "a: unload\nb: thread exit\n")
{
    start();
    errno = 4711;
    init(&l);
    init(&m);
    set(1, &l, "a");
    set(2, &m, "b");
    fini_local_destroy(&l);
    fake_thread_ends(2);
    require_eq(errno, 4711);
}

/* ---- finalization ---------------------------------------------------------------------------- */

CASE(local_at_unload, .expect = "n: unload\nm: unload\nB unload\nl2: unload\nl1: unload\n"
                                "A unload\n")
{
    static struct fini_local n;
    start();
    add(&A);
    init(&l);
    add(&B);
    init(&m);
    init(&n);
    set(1, &l, "l1");
    set(2, &l, "l2");
    set(2, &m, "m");
    set(1, &n, "n");
    fake_finalize(FINI_UNLOAD);
    require(fake.value_ends == NULL);
    require_eq(fake.allocations, 0);
    require_eq(fini_local_set(&l, &l), FINI_EFINALIZING);
    require_eq(fini_local_init(&l, say_value), FINI_EFINALIZING);
    require(fini_local_get(&l) == NULL);
    require(strstr(fake.log, "values_close") != NULL);
}

CASE(local_at_unload_at_exit, .expect = "a: unload at exit\n")
{
    start();
    init(&l);
    set(2, &l, "a");
    fake_finalize(FINI_UNLOAD_AT_EXIT);
    require(fake.value_ends == NULL);
}

static void exit_with_values(void)
{
    start();
    init(&l);
    set(1, &l, "a");
    set(2, &l, "b");
}

/* Other threads go on, and may set and end. */
CASE(local_at_exit, .expect = "b: thread exit\nc: thread exit\n")
{
    exit_with_values();
    fake_finalize(FINI_EXIT);
    fake_thread_ends(2);
    set(3, &l, "c");
    fake_thread_ends(3);
    require_eq(fini_local_init(&m, say_value), FINI_EFINALIZING);
    require(strstr(fake.log, "values_close") == NULL);
}

CASE(local_at_clean_exit)
{
    start();
    fake.clean_exit = true;
    init(&l);
    set(1, &l, "a");
    fake_finalize(FINI_EXIT);
    require(fake.value_ends != NULL);
}

/* The walk is lost: nothing is destroyed, and no thread comes back. */
CASE(local_in_doubt)
{
    exit_with_values();
    fake.dead = FAKE_SEE;
    fake_finalize(FINI_UNLOAD);
    require(fake.value_ends == NULL);
    require_eq(fake.allocations, 0);
}

static void destroy_l(struct probe *self)
{
    (void)self;
    fini_local_destroy(&l);
}

CASE(local_destroyed_by_a_hook, .expect = "A unload at exit\na: unload at exit\n")
{
    start();
    init(&l);
    probe_set(&A, "A", FINI_ALWAYS, destroy_l);
    add(&A);
    set(2, &l, "a");
    fake_finalize(FINI_UNLOAD_AT_EXIT);
}

static void init_in_hook(struct probe *self)
{
    (void)self;
    init(&l);
    set(1, &l, "late");
}

/* Also when nothing was set up before, or all has been closed already. */
CASE(local_made_by_a_hook, .expect = "B unload\nlate: unload\nA unload\nlate: unload\n")
{
    start();
    probe_set(&A, "A", FINI_ALWAYS, init_in_hook);
    probe_set(&B, "B", FINI_ALWAYS, init_in_hook);
    add(&A);
    add(&B);
    fake_finalize(FINI_UNLOAD);
    require(fake.value_ends == NULL);
    require_eq(fake.allocations, 0);
}

/* ---- fork ------------------------------------------------------------------------------------ */

CASE(local_in_a_child, .expect = "mine: unload\n")
{
    start();
    init(&l);
    set(2, &l, "another's");
    set(1, &l, "mine");
    fake_fork();
    fini_local_destroy(&l);
    init(&l);
    require(fini_local_get(&l) == NULL);
    fake.thread = 2;
    require(fini_local_get(&l) == NULL);
}
