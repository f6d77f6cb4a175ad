/* SPDX-License-Identifier: MIT
 *
 * The platform page of fake.h. Every call that is not documented as cheap spoils errno, so that
 * whoever promises to keep it has to.
 */
#include "fake.h"
#include "harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

static jmp_buf end_of_process;

static void append(char *text, size_t size, const char *more, size_t length)
{
    size_t used = strlen(text);
    if (length > size - 1 - used)
        length = size - 1 - used;
    memcpy(text + used, more, length);
    text[used + length] = '\0';
}

static void note(const char *call)
{
    append(fake.log, sizeof fake.log, call, strlen(call));
    append(fake.log, sizeof fake.log, " ", 1);
    errno = ERANGE;
}

void fake_reset(void)
{
    fake = (struct fake){
        .thread = 1, .forker = 1, .process = 1, .thread_number = 4711, .image_name = "libthing.so",
        .library_name = "libthing.so.1", .forget_shared = true};
}

void fake_sees(fini_reason why)
{
    fake.sight = (struct fini__sight){.finalizer = true,
                                      .by_unload = why != FINI_EXIT,
                                      .by_exit = why == FINI_EXIT,
                                      .exit_around = why != FINI_UNLOAD};
}

void fake_finalize(fini_reason why)
{
    fake_sees(why);
    fake.finalized = true;
    fini__image_finalize(&fake);
}

bool fake_process(void (*body)(void))
{
    if (setjmp(end_of_process) != 0)
        return true;
    body();
    return false;
}

void fake_exit(void)
{
    if (fake.early_armed) {
        fake.early_armed = false;
        fini__image_exit_begins();
    }
    while (fake.resume_armed) {
        fake.resume_armed = false;
        fini__image_resume();
    }
    if (!fake.finalized)
        fake_finalize(FINI_EXIT);
    longjmp(end_of_process, 1);
}

/* What comes next finds it out. */
void fake_kill_others(void)
{
    fake.process++;
    fake.killed = true;
}

void fake_fork(void)
{
    fake.process++;
    fake.forker = fake.thread;
    fake.threads = 0;
    fini_why(); /* the first who takes the lock in a child cleans up */
}

/* ---- the platform page ----------------------------------------------------------------------- */

struct fini__sight fini__platform_see(const void *frame)
{
    (void)frame;
    note("see");
    return fake.dead & FAKE_SEE ? (struct fini__sight){.finalizer = true} : fake.sight;
}

struct fini__sight fini__platform_see_around(const void *frame)
{
    (void)frame;
    note("see_around");
    return fake.dead & FAKE_SEE ? (struct fini__sight){.finalizer = false} : fake.around;
}

bool fini__platform_exiting(void)
{
    return fake.exiting;
}

void fini__platform_watch_exit(void)
{
    errno = ERANGE;
    fake.watched = true;
}

void fini__platform_set_exiting(void)
{
    note("set_exiting");
    fake.exiting |= !(fake.dead & FAKE_SET_EXITING);
}

uintptr_t fini__platform_process(void)
{
    return fake.process;
}

bool fini__platform_can_be_early(void)
{
    errno = ERANGE;
    return true;
}

void fini__platform_early_exit(void)
{
    note("early_exit");
    fake.early_armed |= !(fake.dead & FAKE_EARLY_EXIT);
}

void fini__platform_run_exit_handlers(void)
{
    note("own_handlers");
    if (fake.on_own_handlers)
        fake.on_own_handlers();
}

void fini__platform_stay_mapped(void)
{
    note("stay_mapped");
    fake.mapped |= !(fake.dead & FAKE_STAY_MAPPED);
}

void fini__platform_resume_at_exit(bool on)
{
    note(on ? "resume_on" : "resume_off");
    fake.resume_armed = on && !(fake.dead & FAKE_RESUME);
}

void fini__platform_unload(void)
{
    note("unload");
    fake.early_armed = false;
    if (fake.on_unload)
        fake.on_unload();
}

uintptr_t fini__platform_thread(void)
{
    return fake.thread;
}

bool fini__platform_alone(void)
{
    return fake.alone;
}

unsigned long fini__platform_thread_number(void)
{
    errno = ERANGE;
    return fake.thread_number;
}

void fini__platform_pause(unsigned round)
{
    errno = EINTR;
    fake.pauses++;
    if (fake.on_pause)
        fake.on_pause(round);
}

bool fini__platform_setting(const char *name)
{
    note("setting");
    if (fake.dead & FAKE_SETTING)
        return false;
    return (fake.clean_exit && strcmp(name, "FINI_CLEAN_EXIT") == 0) ||
           (fake.trace && strcmp(name, "FINI_TRACE") == 0);
}

void fini__platform_print(const char *text, size_t length)
{
    note("print");
    if (!(fake.dead & FAKE_PRINT))
        append(fake.printed, sizeof fake.printed, text, length);
}

const char *fini__platform_image_name(void)
{
    errno = ERANGE;
    return fake.image_name;
}

/* ---- staying mapped, and what outlives the image --------------------------------------------- */

unsigned fini__platform_traits(void)
{
    errno = ERANGE;
    return fake.traits;
}

int fini__platform_refer(void **ret)
{
    note("refer");
    if (fake.on_refer)
        fake.on_refer();
    if (fake.refuses != FINI_OK)
        return fake.refuses;
    fake.references++;
    *ret = fake.traits ? NULL : &fake;
    return FINI_OK;
}

int fini__platform_unrefer_later(void *reference)
{
    note("unrefer");
    if (fake.on_unrefer)
        fake.on_unrefer();
    if (fake.refuses != FINI_OK || reference != &fake)
        return fake.refuses != FINI_OK ? fake.refuses : FINI_EINVAL;
    fake.references--;
    return FINI_OK;
}

int fini__platform_refer_for_thread(void)
{
    note("refer_for_thread");
    return fake.refuses;
}

void *fini__platform_shared(void)
{
    static _Alignas(16) char memory[FINI__SHARED_SIZE];
    if (fake.forget_shared)
        memset(memory, 0, sizeof memory);
    fake.forget_shared = false;
    return fake.dead & FAKE_SHARED ? NULL : memory;
}

enum { PAGE = 4096 };

void *fini__platform_map(size_t size)
{
    note("map");
    if (fake.dead & FAKE_MAP)
        return NULL;
    fake.maps++;
    size = (size + PAGE - 1) / PAGE * PAGE;
    void *pages = aligned_alloc(PAGE, size);
    return pages ? memset(pages, 0, size) : NULL;
}

void fini__platform_unmap(void *pages, size_t size)
{
    (void)size;
    note("unmap");
    fake.maps--;
    free(pages);
}

const char *fini__platform_library_name(void)
{
    errno = ERANGE;
    return fake.library_name;
}

/* ---- thread values --------------------------------------------------------------------------- */

int fini__platform_values_open(void (*ends)(void *value))
{
    note("values_open");
    if (fake.values_refuse == FINI_OK)
        fake.value_ends = ends;
    return fake.values_refuse;
}

void *fini__platform_values_get(void)
{
    return fake.value[fake.thread];
}

int fini__platform_values_set(void *value)
{
    errno = ERANGE;
    if (fake.values_refuse == FINI_OK)
        fake.value[fake.thread] = value;
    return fake.values_refuse;
}

void fini__platform_values_close(void)
{
    note("values_close");
    memset(fake.value, 0, sizeof fake.value);
    fake.value_ends = NULL;
}

void fake_thread_ends(uintptr_t thread)
{
    fake.thread = thread;
    if (fake.value_ends && fake.value[thread])
        fake.value_ends(fake.value[thread]);
    fake.value[thread] = NULL;
}

void *fini__platform_allocate(size_t size)
{
    errno = ENOMEM;
    if (fake.allocations_most != 0 && fake.allocations + 1 >= fake.allocations_most)
        return NULL;
    fake.allocations++;
    return calloc(1, size);
}

void fini__platform_free(void *memory)
{
    fake.allocations -= memory != NULL;
    free(memory);
}

/* ---- gates ----------------------------------------------------------------------------------- */

bool fini__platform_light_fences(void)
{
    return !(fake.dead & FAKE_LIGHT_FENCES);
}

bool fini__platform_heavy_fence(void)
{
    errno = EPERM;
    fake.fences++;
    if (fake.on_fence)
        fake.on_fence();
    return !(fake.dead & FAKE_HEAVY_FENCE);
}

const _Atomic uintptr_t *fini__platform_process_place(void)
{
    return fake.dead & FAKE_LIGHT_FENCES ? NULL : &fake.process;
}

bool fini__platform_threads_killed(void)
{
    return fake.killed;
}

bool fini__platform_is_forker(void)
{
    errno = ERANGE;
    return fake.thread == fake.forker;
}

int fini__platform_thread_start(void (*run)(void *arg), void *arg, const char *name, void **ret)
{
    note("thread_start");
    if (fake.thread_refuses)
        return fake.thread_refuses;
    if (fake.on_start)
        fake.on_start();
    fake.worker = (struct fake_thread){.run = run, .arg = arg};
    append(fake.worker.name, sizeof fake.worker.name, name, strlen(name));
    fake.threads++;
    *ret = &fake.worker;
    return FINI_OK;
}

bool fini__platform_thread_is_over(void *thread, bool out_is_enough)
{
    errno = ERANGE;
    if (fake.on_join)
        fake.on_join(fake.joins);
    fake.joins++;
    struct fake_thread *t = thread;
    if (!t->ended && !(out_is_enough && t->out))
        return false;
    note(t->ended ? "thread_ended" : "thread_out");
    fake.threads--;
    return true;
}

void fini__platform_thread_dismiss(void *thread)
{
    (void)thread;
    note("thread_dismissed");
    fake.threads--;
}

void fini__platform_thread_forget(void *thread)
{
    require(thread == &fake.worker);
    note("thread_forgotten");
}

int64_t fini__platform_deadline(int64_t timeout)
{
    errno = ERANGE;
    return timeout <= 0 ? timeout : fake.now + timeout;
}

bool fini__platform_wait(_Atomic uint32_t *word, uint32_t seen, int64_t deadline)
{
    errno = ETIMEDOUT;
    if (fake.killed || deadline == 0 || (deadline > 0 && fake.now >= deadline))
        return false;
    fake.now++;
    unsigned round = fake.waits++;
    if (atomic_load(word) == seen && fake.on_wait)
        fake.on_wait(round);
    return true;
}

void fini__platform_wake(_Atomic uint32_t *word)
{
    (void)word;
    errno = EAGAIN;
    fake.wakes++;
}
