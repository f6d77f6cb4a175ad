/* SPDX-License-Identifier: MIT
 *
 * Thread values: a pointer for each thread, and a call of the image when the thread ends.
 *
 * Decides: a thread key of the image, between two that outlive it and tell when libc is at it.
 * Leaves to others: what the pointer leads to (local.c), where the process keeps what outlives an
 * image (glibc.c).
 *
 * When a thread ends libc goes through its keys by rising number: takes the value, looks whether
 * the key is still what it was when the value was set, reads the destructor, calls it; and again,
 * up to four times, as long as values have been set meanwhile. Between the look and the call, and
 * behind the last instruction of the destructor, nothing of the image runs: no counter of ours can
 * tell that a thread is there, where an unload would make it crash. So libc itself has to tell.
 *
 *   number   n                          n + 1                  n + 2
 *   key      before                     ours                   after
 *   calls    sigfillset(&r->before)     thread_ends            sigfillset(&r->after)
 *
 * sigfillset belongs to libc, and only stores. The record r belongs to the thread, until both are
 * filled: then the thread is past the row, and needs another one for the next round.
 *
 *   state of r        before   after   r is of
 *   free              filled   filled  nobody; whoever takes it clears `after`, then `before`
 *   armed             clear    clear   a thread, whose keys lead to it
 *   in between        filled   clear   a thread that may be in our destructor
 *
 * Unload deletes our key, has every thread fence, and waits for all records that are in between.
 * Both sides write, then read, and one has to see the other: a thread fills `before` and then looks
 * at our key; unload deletes the key and then looks at `before`.
 *
 * The three have to be neighbours: a destructor of somebody else in between might wait for the
 * loader's lock, which unload holds while it waits. As libc gives the lowest free number,
 * neighbours are found by taking keys until there are three. Rows are kept by the process and used
 * again: between two images a key without a destructor keeps the middle. Should another thread
 * snatch it, the row is given up, and its records with it.
 *
 * A thread whose keys still lead to a record when the image goes will fill it later, whosever the
 * row is by then. So records are never freed, and a thread takes the one that it has.
 *
 * Fork: a child has one thread, and records of others that are never filled. Who cannot be known to
 * live is waited for a little.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_PLATFORM_GLIBC

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../platform.h"
#include "exit_calls.h"
#include "objects.h"
#include "self.h"
#include "values.h"

/* PTHREAD_KEYS_MAX, which no version of glibc has changed. */
enum { KEYS = 1024, ROWS = KEYS / 3, PAGE = 4096 };

struct record {
    sigset_t before, after;
    _Atomic uint32_t being_taken;
    _Atomic uintptr_t thread, process; /* whose it is, or was */
    struct record *next;
};

enum { UNMADE, SPARE, USED };

struct row {
    _Atomic uint32_t state;
    uint32_t before; /* the number of the first key */
    struct record *_Atomic records;
};

struct fini__key_rows {
    struct row row[ROWS];
};

/* Not called by name: before 2.34 they are in libpthread, which the image may lack, and each name
 * that the image asks for is looked up at each of its loads. */
static struct {
    __typeof__(pthread_key_create) *create;
    __typeof__(pthread_key_delete) *drop;
    __typeof__(pthread_getspecific) *get;
    __typeof__(pthread_setspecific) *set;
} thread_keys;

static struct {
    struct row *row;
    pthread_key_t before, ours, after;
    void (*ends)(void *value);
} own_row;

typedef void destructor_fn(void *);

static destructor_fn *const fill = (destructor_fn *)(void (*)(void))sigfillset;

/* In a namespace of dlmopen a thread has its values in one place for both libcs, which disagree
 * about the keys: a thread of the one would call destructors of the other. */
static bool find_thread_keys(void)
{
    if (!fini__has_loader() || !fini__in_main_namespace())
        return false;
    thread_keys.create = (__typeof__(thread_keys.create))fini__main_code("pthread_key_create");
    thread_keys.drop = (__typeof__(thread_keys.drop))fini__main_code("pthread_key_delete");
    thread_keys.get = (__typeof__(thread_keys.get))fini__main_code("pthread_getspecific");
    thread_keys.set = (__typeof__(thread_keys.set))fini__main_code("pthread_setspecific");
    return thread_keys.create && thread_keys.drop && thread_keys.get && thread_keys.set;
}

/* ---- three neighbours ------------------------------------------------------------------------ */

/* Keys that have been made on the way, and are given back. */
struct keys {
    bool made[KEYS + 2];
};

static bool make_one_key(struct keys *keys, destructor_fn *destructor, pthread_key_t *ret)
{
    if (thread_keys.create(ret, destructor) != 0)
        return false;
    if (*ret < KEYS) {
        keys->made[*ret] = true;
        return true;
    }
    thread_keys.drop(*ret);
    return false;
}

static void give_back(struct keys *keys)
{
    for (pthread_key_t key = 0; key < KEYS; key++)
        if (keys->made[key])
            thread_keys.drop(key);
}

static bool find_row(const struct keys *keys, pthread_key_t newest, pthread_key_t *ret)
{
    pthread_key_t first = newest < 2 ? 0 : newest - 2;
    for (; first <= newest; first++)
        if (keys->made[first] && keys->made[first + 1] && keys->made[first + 2]) {
            *ret = first;
            return true;
        }
    return false;
}

static bool make_row(struct row *row)
{
    struct keys keys = {{false}};
    pthread_key_t key, first;
    bool found = false;
    while (!found && make_one_key(&keys, fill, &key))
        found = find_row(&keys, key, &first);
    if (found) {
        for (unsigned n = 0; n < 3; n++)
            keys.made[first + n] = false;
        row->before = first;
    }
    give_back(&keys);
    return found;
}

/* The middle has just been deleted. Lower numbers may be free as well. */
static bool make_middle(const struct row *row, destructor_fn *destructor)
{
    struct keys keys = {{false}};
    pthread_key_t middle = row->before + 1, key = 0;
    while (key < middle && make_one_key(&keys, destructor, &key))
        ;
    bool made = keys.made[middle];
    keys.made[middle] = false;
    give_back(&keys);
    return made;
}

static void give_up_row(struct row *row)
{
    thread_keys.drop(row->before);
    thread_keys.drop(row->before + 2);
    atomic_store(&row->records, NULL);
    atomic_store(&row->state, UNMADE);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Of two images that make them at once, the second gives its own back. */
static struct fini__key_rows *find_rows(void)
{
    struct fini__key_rows *_Atomic *place = fini__record_key_rows();
    struct fini__key_rows *rows = NULL, *made;
    if (!place || (rows = atomic_load(place)) != NULL)
        return rows;
    made = fini__platform_map(sizeof *made);
    if (!made || atomic_compare_exchange_strong(place, &rows, made))
        return made;
    fini__platform_unmap(made, sizeof *made);
    return rows;
}

static void thread_ends(void *value);

static bool take_row(struct row *row, uint32_t state)
{
    if (!atomic_compare_exchange_strong(&row->state, &state, USED))
        return false;
    if (state == UNMADE && !make_row(row)) {
        atomic_store(&row->state, UNMADE);
        return false;
    }
    thread_keys.drop(row->before + 1);
    if (make_middle(row, thread_ends))
        return true;
    give_up_row(row);
    return false;
}

/* Another thread that makes keys at the same time may be in the way more than once. */
static struct row *find_spare_row(struct fini__key_rows *rows)
{
    for (unsigned n = 0; n < ROWS; n++)
        if (take_row(&rows->row[n], SPARE))
            return &rows->row[n];
    for (unsigned n = 0, tries = 0; n < ROWS && tries < 3; n++)
        if (atomic_load(&rows->row[n].state) == UNMADE) {
            tries++;
            if (take_row(&rows->row[n], UNMADE))
                return &rows->row[n];
        }
    return NULL;
}

int fini__platform_values_open(void (*ends)(void *value))
{
    struct fini__key_rows *rows = find_thread_keys() ? find_rows() : NULL;
    if (!rows)
        return thread_keys.set ? FINI_ENOMEM : FINI_ENOTSUP;
    own_row.ends = ends;
    fini__platform_light_fences(); /* asked now: to register takes a while */
    own_row.row = find_spare_row(rows);
    if (!own_row.row)
        return FINI_EAGAIN;
    own_row.before = own_row.row->before;
    own_row.ours = own_row.before + 1;
    own_row.after = own_row.before + 2;
    return FINI_OK;
}

/* ---- records --------------------------------------------------------------------------------- */

/* To the thread sanitizer libc's stores for two threads, one after the other, are a race: there
 * each record is used once. */
static bool is_free_record(const struct record *r)
{
    return fini__self_filled(&r->before) && fini__self_filled(&r->after) &&
           !(FINI_THREAD_SANITIZER && atomic_load(&r->thread) != 0);
}

/* As good as empty to fini__self_filled. */
FINI_NOT_WATCHED static void clear(sigset_t *set)
{
    *(volatile unsigned char *)set = 0;
}

static void belongs_to_caller(struct record *r)
{
    atomic_store(&r->thread, fini__platform_thread());
    atomic_store(&r->process, fini__platform_process());
}

static bool take_record(struct record *r)
{
    uint32_t nobody = 0;
    if (!is_free_record(r) || !atomic_compare_exchange_strong(&r->being_taken, &nobody, 1))
        return false;
    bool taken = is_free_record(r);
    if (taken) {
        belongs_to_caller(r);
        clear(&r->after);
        clear(&r->before);
    }
    atomic_store(&r->being_taken, 0);
    return taken;
}

static void free_record(struct record *r)
{
    sigfillset(&r->before);
    sigfillset(&r->after);
}

static void add_record(struct row *row, struct record *r)
{
    r->next = atomic_load(&row->records);
    while (!atomic_compare_exchange_weak(&row->records, &r->next, r))
        ;
}

/* The first of the page is the caller's. */
static struct record *make_records(struct row *row)
{
    struct record *page = fini__platform_map(PAGE);
    if (!page)
        return NULL;
    belongs_to_caller(&page[0]);
    for (unsigned n = 0; n < PAGE / sizeof *page; n++) {
        if (n > 0)
            free_record(&page[n]);
        add_record(row, &page[n]);
    }
    return page;
}

static struct record *take_any_record(struct row *row)
{
    for (struct record *r = atomic_load(&row->records); r; r = r->next)
        if (take_record(r))
            return r;
    return make_records(row);
}

/* ---- a thread -------------------------------------------------------------------------------- */

static struct record *record_of(void *after)
{
    return after ? (struct record *)(void *)((char *)after - offsetof(struct record, after)) : NULL;
}

static bool arm_anew(void)
{
    struct record *r = take_any_record(own_row.row);
    if (!r)
        return false;
    if (thread_keys.set(own_row.after, &r->after) == 0 &&
        thread_keys.set(own_row.before, &r->before) == 0)
        return true;
    thread_keys.set(own_row.after, NULL);
    free_record(r);
    return false;
}

/* Both keys have a value or none, but while libc is in between them: nothing can be armed then. */
static bool arm(void)
{
    struct record *r = record_of(thread_keys.get(own_row.after));
    if ((thread_keys.get(own_row.before) != NULL) != (r != NULL))
        return false;
    if (!r)
        return arm_anew();
    belongs_to_caller(r);
    return true;
}

/* libc has taken the value away. What the callee calls wants to get it. */
static void thread_ends(void *value)
{
    int cancel_state;
    struct record *r = record_of(thread_keys.get(own_row.after));
    if (r)
        belongs_to_caller(r);
    /* A cancellation that the thread has not heeded would cut off the first destructor. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    thread_keys.set(own_row.ours, value);
    own_row.ends(value);
    thread_keys.set(own_row.ours, NULL);
    pthread_setcancelstate(cancel_state, NULL);
}

void *fini__platform_values_get(void)
{
    return thread_keys.get(own_row.ours);
}

int fini__platform_values_set(void *value)
{
    if (thread_keys.set(own_row.ours, value) != 0)
        return FINI_ENOMEM;
    if (!value || arm())
        return FINI_OK;
    thread_keys.set(own_row.ours, NULL);
    return FINI_ENOMEM;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Where the kernel offers no fence: when a page goes that was in use, it interrupts all processors
 * that the process runs on (most kinds of them); and no store is on its way for a millisecond. */
static void fence_everywhere(void)
{
    if (fini__platform_light_fences() && fini__platform_heavy_fence())
        return;
    volatile char *page = fini__platform_map(PAGE);
    if (page) {
        *page = 1;
        fini__platform_unmap((void *)(uintptr_t)page, PAGE);
    }
    fini__platform_pause(1000);
}

/* In a forked child the thread may be gone. If it is the one that has forked, it is between two
 * instructions of libc and of ours, or has told us that it is here. */
static bool may_be_gone(const struct record *r, unsigned round)
{
    const unsigned rounds = 200; /* 10 ms */
    return round > rounds && atomic_load(&r->process) != fini__platform_process();
}

/* If it is the caller, the destructor is further down on this stack. */
static void wait_for(const struct record *r)
{
    for (unsigned round = 0; fini__self_filled(&r->before) && !fini__self_filled(&r->after);
         round++) {
        if (atomic_load(&r->thread) == fini__platform_thread() || may_be_gone(r, round))
            return;
        fini__platform_pause(round);
    }
}

void fini__platform_values_close(void)
{
    thread_keys.drop(own_row.ours);
    fence_everywhere();
    for (const struct record *r = atomic_load(&own_row.row->records); r; r = r->next)
        wait_for(r);
    if (make_middle(own_row.row, NULL))
        atomic_store(&own_row.row->state, SPARE);
    else
        give_up_row(own_row.row);
}

#else
typedef int fini__values_are_not_for_this_platform;
#endif
