/* SPDX-License-Identifier: MIT
 *
 * Thread values: one value for each thread in each of up to 256 places.
 *
 * Decides: where values are kept, who destroys which, and that each is destroyed once.
 * Leaves to others: how a thread finds its own and is caught when it ends (platform.h), and the
 * order at unload (hooks.c): each fini_local is a hook too, and so is, older than all, the one
 * that closes the key.
 *
 * A place has a fini_local or none. A thread has a table, made with its first value, which has a
 * cell for each place, in chunks. All tables are on one list. The lock guards the list and the
 * places, but a thread reads both of its own without it; it is not held while a destructor runs.
 *
 *   place        init         fini_local_destroy, unload           get, set
 *   free         -> set up    -                                    NULL, EINVAL
 *   set up       EBUSY        -> unwinding, destroys; -> free      the cell
 *   unwinding    another one  -                                    NULL, EINVAL
 *
 * A cell is emptied by an exchange: who gets the value destroys it. A thread that ends says first
 * which place it is at (`running`), and who unwinds a place waits, after it has emptied all
 * cells, for those that are there. A thread that sets a value says so first (`setting`) and then
 * looks whether the place is still set up; who unwinds takes it down, and then waits for those.
 *
 * In a forked child a table belongs to a thread that exists if that thread has used it there, or
 * is the caller's. The list is whole between any two stores.
 */
#include <errno.h>

#include "core.h"

enum { LOCALS = 256, CHUNK = 16, CHUNKS = LOCALS / CHUNK, PASSES = 4, CLAIMED_AT_ONCE = 32 };

struct chunk {
    void *_Atomic value[CHUNK];
};

/* What a thread has. */
struct table {
    struct table *next;
    _Atomic uintptr_t process; /* in which the thread has used it last */
    _Atomic unsigned running; /* the place whose destructor it runs at its end, plus 1 */
    _Atomic unsigned setting; /* the place it sets a value in, plus 1 */
    struct chunk *_Atomic chunk[CHUNKS];
};

struct place {
    struct fini_local *_Atomic local; /* NULL: free or unwinding */
    fini_fn *_Atomic destroy;         /* NULL: free */
};

static struct {
    struct fini__lock lock;
    struct table *tables;
    bool open; /* the platform calls, and `closing` is a hook */
    unsigned newest; /* of the places that have been used, plus 1 */
    struct fini_hook closing;
    struct place *_Atomic place; /* LOCALS of them, while open */
} locals;

/* False: this thread holds the lock already, below a signal handler that has called exit(). */
static bool take_locals(void)
{
    return fini__lock_take(&locals.lock);
}

static void drop_locals(bool taken)
{
    if (taken)
        fini__lock_drop(&locals.lock);
}

/* Threads may ask while another destroys l and initializes it anew; and memory that nobody
 * initialized says any place. */
static _Atomic unsigned *place_in(struct fini_local *l)
{
    return (_Atomic unsigned *)&l->fini__place;
}

static unsigned place_number(struct fini_local *l)
{
    return atomic_load_explicit(place_in(l), memory_order_relaxed) % LOCALS;
}

static struct place *place_of_local(struct fini_local *l)
{
    struct place *place = atomic_load_explicit(&locals.place, memory_order_acquire);
    if (!place)
        return NULL;
    place += place_number(l);
    return atomic_load_explicit(&place->local, memory_order_acquire) == l ? place : NULL;
}

static unsigned number_of(const struct place *place)
{
    return (unsigned)(place - atomic_load_explicit(&locals.place, memory_order_relaxed));
}

static struct place *place_at(unsigned n)
{
    return atomic_load_explicit(&locals.place, memory_order_acquire) + n;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void use_table(struct table *t)
{
    uintptr_t process = fini__platform_process();
    if (atomic_load_explicit(&t->process, memory_order_relaxed) != process)
        atomic_store_explicit(&t->process, process, memory_order_relaxed);
}

/* Not the thread's number: a new thread of a child may have that of one that the child lacks. */
static bool has_thread(const struct table *t)
{
    return atomic_load_explicit(&t->process, memory_order_relaxed) == fini__platform_process();
}

static struct table *own_table(void)
{
    struct table *t = fini__platform_values_get();
    if (t)
        use_table(t);
    return t;
}

/* NULL: the thread has never had a value near it. */
static void *_Atomic *find_cell(struct table *t, unsigned n)
{
    struct chunk *chunk = atomic_load_explicit(&t->chunk[n / CHUNK], memory_order_acquire);
    return chunk ? &chunk->value[n % CHUNK] : NULL;
}

static void *empty_cell(struct table *t, unsigned n)
{
    void *_Atomic *cell = find_cell(t, n);
    if (!cell || !atomic_load_explicit(cell, memory_order_relaxed))
        return NULL;
    return atomic_exchange(cell, NULL);
}

static void free_table(struct table *t)
{
    for (unsigned n = 0; n < CHUNKS; n++)
        fini__platform_free(atomic_load(&t->chunk[n]));
    fini__platform_free(t);
}

static void unlink_table(const struct table *t)
{
    struct table **link = &locals.tables;
    while (*link && *link != t)
        link = &(*link)->next;
    if (*link)
        *link = t->next;
}

static bool has_no_values(const struct table *t)
{
    for (unsigned n = 0; n < CHUNKS; n++) {
        struct chunk *chunk = atomic_load(&t->chunk[n]);
        for (unsigned i = 0; chunk && i < CHUNK; i++)
            if (atomic_load(&chunk->value[i]))
                return false;
    }
    return true;
}

/* What was set in the last pass stays, and the table with it. */
static void abandon_table(struct table *t)
{
    bool taken = take_locals();
    bool empty = has_no_values(t);
    if (empty)
        unlink_table(t);
    drop_locals(taken);
    if (empty)
        free_table(t);
}

static int make_table(struct table **ret)
{
    struct table *t = fini__platform_allocate(sizeof *t);
    if (!t)
        return FINI_ENOMEM;
    use_table(t);
    if (!take_locals()) {
        fini__platform_free(t);
        return FINI_EDEADLK;
    }
    t->next = locals.tables;
    atomic_signal_fence(memory_order_seq_cst);
    locals.tables = t;
    drop_locals(true);
    int error = fini__platform_values_set(t);
    if (error != FINI_OK)
        abandon_table(t);
    *ret = t;
    return error;
}

/* Only the table's thread makes chunks. */
static int make_cell(struct table *t, unsigned n, void *_Atomic **ret)
{
    *ret = find_cell(t, n);
    if (*ret)
        return FINI_OK;
    struct chunk *chunk = fini__platform_allocate(sizeof *chunk);
    if (!chunk)
        return FINI_ENOMEM;
    atomic_store_explicit(&t->chunk[n / CHUNK], chunk, memory_order_release);
    *ret = &chunk->value[n % CHUNK];
    return FINI_OK;
}

/* ---- the end of a thread --------------------------------------------------------------------- */

static bool end_value(struct table *t, unsigned n)
{
    atomic_store_explicit(&t->running, n + 1, memory_order_relaxed);
    void *value = empty_cell(t, n);
    if (value)
        place_at(n)->destroy(value, FINI_THREAD_EXIT);
    atomic_store_explicit(&t->running, 0, memory_order_release);
    return value != NULL;
}

static bool end_chunk(struct table *t, unsigned chunk)
{
    bool any = false;
    if (!atomic_load_explicit(&t->chunk[chunk], memory_order_relaxed))
        return false;
    for (unsigned n = (chunk + 1) * CHUNK; n-- > chunk * CHUNK;)
        if (atomic_load_explicit(find_cell(t, n), memory_order_relaxed))
            any |= end_value(t, n);
    return any;
}

/* Destructors may set values, and fork. */
static void end_table(void *arg)
{
    int saved = errno;
    struct table *t = arg;
    bool any = true;
    for (unsigned pass = 0; any && pass < PASSES; pass++) {
        any = false;
        for (unsigned chunk = CHUNKS; chunk-- > 0;) {
            use_table(t);
            any |= end_chunk(t, chunk);
        }
    }
    abandon_table(t);
    errno = saved;
}

/* ---- unwinding ------------------------------------------------------------------------------- */

static unsigned claim_some(unsigned n, void *claimed[CLAIMED_AT_ONCE])
{
    unsigned count = 0;
    bool taken = take_locals();
    for (struct table *t = locals.tables; t && count < CLAIMED_AT_ONCE; t = t->next)
        if (has_thread(t) && (claimed[count] = empty_cell(t, n)) != NULL)
            count++;
    drop_locals(taken);
    return count;
}

static bool is_running(const struct table *t, unsigned n)
{
    return atomic_load_explicit(&t->running, memory_order_acquire) == n + 1;
}

static bool is_setting(const struct table *t, unsigned n)
{
    return atomic_load(&t->setting) == n + 1;
}

static bool any_other(bool (*is_there)(const struct table *t, unsigned n), unsigned n)
{
    bool found = false;
    const struct table *own = own_table();
    bool taken = take_locals();
    for (const struct table *t = locals.tables; t && !found; t = t->next)
        found = is_there(t, n) && has_thread(t) && t != own;
    drop_locals(taken);
    return found;
}

static void wait_for_others(bool (*are_there)(const struct table *t, unsigned n), unsigned n)
{
    for (unsigned round = 0; any_other(are_there, n); round++)
        fini__platform_pause(round);
}

static void destroy_all(unsigned n, fini_reason why)
{
    void *claimed[CLAIMED_AT_ONCE];
    fini_fn *destroy = place_at(n)->destroy;
    wait_for_others(is_setting, n);
    for (unsigned count = 1; count > 0;) {
        count = claim_some(n, claimed);
        for (unsigned i = 0; i < count; i++)
            destroy(claimed[i], why);
    }
    wait_for_others(is_running, n);
}

/* True: the place is the caller's to unwind. */
static bool begin_unwinding(struct fini_local *l, struct place **ret)
{
    bool taken = take_locals();
    *ret = place_of_local(l);
    if (*ret)
        atomic_store(&(*ret)->local, NULL);
    drop_locals(taken);
    return *ret != NULL;
}

/* FINI_EXIT: the image may go, but there is no telling. Until it does, threads may end. */
static void unwind(void *arg, fini_reason why)
{
    struct place *place;
    if (!begin_unwinding(arg, &place) || why == FINI_EXIT)
        return;
    destroy_all(number_of(place), why);
    atomic_store(&place->destroy, NULL);
}

/* Tables of threads that live on: they will not look at them again. */
static void close_all(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    fini__platform_values_close();
    bool taken = take_locals();
    struct table *t = locals.tables;
    fini__platform_free(atomic_exchange(&locals.place, NULL));
    locals.tables = NULL;
    locals.newest = 0;
    locals.open = false;
    drop_locals(taken);
    while (t) {
        struct table *next = t->next;
        free_table(t);
        t = next;
    }
}

/* ---- the interface --------------------------------------------------------------------------- */

/* Not a part of `locals`: the data of an image that has no values should share a page. */
static int open_platform(void)
{
    struct place *place = fini__platform_allocate(LOCALS * sizeof *place);
    int error = place ? fini__platform_values_open(end_table) : FINI_ENOMEM;
    if (error == FINI_OK)
        atomic_store(&locals.place, place);
    else
        fini__platform_free(place);
    return error;
}

static int open_all(void)
{
    int error = locals.open ? FINI_OK : open_platform();
    if (error != FINI_OK || locals.open)
        return error;
    locals.closing = (struct fini_hook)FINI_HOOK_INIT(close_all, NULL, FINI__ON_GOING);
    error = fini__hooks_add(&locals.closing);
    locals.open = error == FINI_OK;
    if (error != FINI_OK) {
        fini__platform_values_close();
        fini__platform_free(atomic_exchange(&locals.place, NULL));
    }
    return error;
}

/* Behind all others as long as there is room, so that a newer one is newer. */
static struct place *find_free_place(void)
{
    while (locals.newest > 0 && !place_at(locals.newest - 1)->destroy)
        locals.newest--;
    if (locals.newest < LOCALS)
        return place_at(locals.newest++);
    for (unsigned n = 0; n < LOCALS; n++)
        if (!place_at(n)->destroy)
            return place_at(n);
    return NULL;
}

static int set_up(struct fini_local *l, fini_fn *destroy)
{
    struct place *place = find_free_place();
    if (!place)
        return FINI_EAGAIN;
    l->fini__hook = (struct fini_hook)FINI_HOOK_INIT(unwind, l, FINI__ON_GOING);
    atomic_store_explicit(place_in(l), number_of(place), memory_order_relaxed);
    int error = fini__hooks_add(&l->fini__hook);
    if (error != FINI_OK)
        return error;
    for (struct table *t = locals.tables; t; t = t->next)
        if (!has_thread(t))
            empty_cell(t, number_of(place));
    atomic_store(&place->destroy, destroy);
    atomic_store(&place->local, l);
    return FINI_OK;
}

static int init_locked(struct fini_local *l, fini_fn *destroy)
{
    if (place_of_local(l))
        return FINI_EBUSY;
    int error = open_all();
    return error == FINI_OK ? set_up(l, destroy) : error;
}

int fini_local_init(struct fini_local *l, fini_fn *destroy)
{
    int saved = errno;
    if (!l || !destroy)
        return FINI_EINVAL;
    if (!take_locals())
        return FINI_EDEADLK;
    int error = init_locked(l, destroy);
    drop_locals(true);
    errno = saved;
    return error;
}

void fini_local_destroy(struct fini_local *l)
{
    int saved = errno;
    struct place *place;
    fini_reason why = fini__hooks_why();
    if (l && begin_unwinding(l, &place)) {
        fini_remove(&l->fini__hook);
        destroy_all(number_of(place), why == FINI_RUNNING ? FINI_UNLOAD : why);
        atomic_store(&place->destroy, NULL);
    }
    errno = saved;
}

void *fini_local_get(struct fini_local *l)
{
    const struct place *place = l ? place_of_local(l) : NULL;
    struct table *t = place ? own_table() : NULL;
    void *_Atomic *cell = t ? find_cell(t, number_of(place)) : NULL;
    return cell ? atomic_load_explicit(cell, memory_order_relaxed) : NULL;
}

static int not_set_up(void)
{
    return fini__image_finalizing() ? FINI_EFINALIZING : FINI_EINVAL;
}

/* Sequentially consistent against begin_unwinding and is_setting: each side writes, then reads. */
static int store_value(struct table *t, struct fini_local *l, void *value)
{
    void *_Atomic *cell;
    unsigned n = place_number(l);
    int error = make_cell(t, n, &cell);
    if (error != FINI_OK)
        return error;
    atomic_store(&t->setting, n + 1);
    bool still = atomic_load(&place_at(n)->local) == l;
    if (still)
        atomic_store_explicit(cell, value, memory_order_release);
    atomic_store_explicit(&t->setting, 0, memory_order_release);
    return still ? FINI_OK : not_set_up();
}

static int set_value(struct fini_local *l, void *value)
{
    if (!place_of_local(l))
        return not_set_up();
    struct table *t = own_table();
    if (!t && !value)
        return FINI_OK;
    int error = t ? FINI_OK : make_table(&t);
    return error == FINI_OK ? store_value(t, l, value) : error;
}

int fini_local_set(struct fini_local *l, void *value)
{
    int saved = errno;
    int error = l ? set_value(l, value) : FINI_EINVAL;
    errno = saved;
    return error;
}
