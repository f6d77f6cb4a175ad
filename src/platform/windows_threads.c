/* SPDX-License-Identifier: MIT
 *
 * Threads on Windows: references that end with one, values of one, workers, sleeping.
 *
 * Decides: what the system's own code does when nothing of the image may run any more.
 * Leaves to others: the image's life (windows.c), who uses it for what (hold.c, local.c, worker.c).
 *
 * The end of a thread and FreeLibrary both hold the loader's lock. So the callback of the loader at
 * the end of a thread and that at an unload exclude each other, and a value's destructor cannot be
 * overtaken by the unload: fiber-local storage with a callback, which is called without the lock,
 * would have a window behind the callback's last instruction. And who waits in an unload for a
 * thread to end waits for ever.
 *
 * So a worker is not a thread that ends, but a callback of a thread pool: that it has returned is
 * said by ntdll, by an event. Not a thread that holds a reference to the image: that would never be
 * unloaded.
 */
#include "select.h"

#ifdef FINI_PLATFORM_WINDOWS

#include <stdatomic.h>

#include "../platform.h"
#include "windows_image.h"

uintptr_t fini__platform_thread(void)
{
    return GetCurrentThreadId();
}

unsigned long fini__platform_thread_number(void)
{
    return GetCurrentThreadId();
}

void *fini__platform_allocate(size_t size)
{
    return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, size);
}

void fini__platform_free(void *memory)
{
    if (memory)
        HeapFree(GetProcessHeap(), 0, memory);
}

/* ---- what newer systems have ----------------------------------------------------------------- */

typedef BOOL WINAPI wait_fn(volatile VOID *address, PVOID compare, SIZE_T size, DWORD milliseconds);
typedef VOID WINAPI wake_fn(PVOID address);
typedef HRESULT WINAPI name_fn(HANDLE thread, PCWSTR name);

/* Looked for once, in the constructor: to look for them takes the loader's lock, which an unload
 * holds while it waits for a worker. NULL: not there, or not looked for yet. */
static struct {
    wait_fn *wait; /* Windows 8 */
    wake_fn *wake;
    name_fn *name; /* Windows 10, 1607 */
} newer;

void fini__windows_threads_loaded(void)
{
#ifndef FINI_WINDOWS_OLD
    newer.wake = (wake_fn *)fini__windows_find("kernelbase.dll", "WakeByAddressAll");
    newer.wait = (wait_fn *)fini__windows_find("kernelbase.dll", "WaitOnAddress");
    newer.name = (name_fn *)fini__windows_find("kernelbase.dll", "SetThreadDescription");
#endif
}

/* ---- one word a thread ----------------------------------------------------------------------- */

/* TlsGetValue says "no error" to GetLastError, which hosts may be about to ask. */
static void *get_word(DWORD slot)
{
    DWORD saved = GetLastError();
    void *word = TlsGetValue(slot);
    SetLastError(saved);
    return word;
}

/* Of two threads that make it at once, the second gives its own back. */
static bool make_slot(_Atomic DWORD *slot)
{
    DWORD none = TLS_OUT_OF_INDEXES;
    if (atomic_load(slot) != TLS_OUT_OF_INDEXES)
        return true;
    DWORD made = TlsAlloc();
    if (made == TLS_OUT_OF_INDEXES)
        return false;
    if (!atomic_compare_exchange_strong(slot, &none, made))
        TlsFree(made);
    return true;
}

static void free_slot(_Atomic DWORD *slot)
{
    DWORD made = atomic_exchange(slot, TLS_OUT_OF_INDEXES);
    if (made != TLS_OUT_OF_INDEXES)
        TlsFree(made);
}

/* ---- thread values --------------------------------------------------------------------------- */

static _Atomic DWORD values_slot = TLS_OUT_OF_INDEXES;
static void (*values_end)(void *value);

/* Threads that are about to end values without the loader's lock: workers. */
static _Atomic unsigned values_inside;

int fini__platform_values_open(void (*ends)(void *value))
{
    values_end = ends;
    return make_slot(&values_slot) ? FINI_OK : FINI_EAGAIN;
}

void *fini__platform_values_get(void)
{
    DWORD slot = atomic_load_explicit(&values_slot, memory_order_relaxed);
    return slot != TLS_OUT_OF_INDEXES ? get_word(slot) : NULL;
}

int fini__platform_values_set(void *value)
{
    return TlsSetValue(atomic_load(&values_slot), value) ? FINI_OK : FINI_ENOMEM;
}

static void end_own_value(void)
{
    void *value = fini__platform_values_get();
    if (!value)
        return;
    values_end(value);
    TlsSetValue(atomic_load(&values_slot), NULL);
}

void fini__windows_thread_ends(void)
{
    end_own_value();
}

/* Both sides write, then read: a worker its number, then the slot; close the slot, then the
 * number. */
static void end_value_of_worker(void)
{
    atomic_fetch_add(&values_inside, 1);
    if (atomic_load(&values_slot) != TLS_OUT_OF_INDEXES)
        end_own_value();
    atomic_fetch_sub(&values_inside, 1);
}

void fini__platform_values_close(void)
{
    DWORD slot = atomic_exchange(&values_slot, TLS_OUT_OF_INDEXES);
    for (unsigned round = 0; atomic_load(&values_inside) != 0; round++)
        fini__platform_pause(round);
    TlsFree(slot);
}

/* ---- workers --------------------------------------------------------------------------------- */

enum { NOT_BEGUN, HAS_BEGUN, CALLED_OFF }; /* struct thread, begun */
enum { THREAD_NAME_SIZE = 16 };

/* A pool of its own, of one thread: the program's pool may be full, and its threads have names. */
struct thread {
    PTP_POOL pool;
    PTP_WORK work;
    HANDLE returned; /* set by ntdll: it is out of the image for good */
    _Atomic unsigned begun;
    void (*run)(void *arg);
    void *arg;
    PTP_CALLBACK_INSTANCE instance; /* of the call that runs */
    WCHAR name[THREAD_NAME_SIZE];
};

/* In each thread: NULL, the worker that it is, or that it has such a reference already. */
static _Atomic DWORD own_slot = TLS_OUT_OF_INDEXES;
static char has_reference;

static void CALLBACK begin_thread(PTP_CALLBACK_INSTANCE instance, void *arg, PTP_WORK work)
{
    struct thread *t = arg;
    (void)work;
    SetEventWhenCallbackReturns(instance, t->returned);
    if (atomic_exchange(&t->begun, HAS_BEGUN) == CALLED_OFF)
        return;
    t->instance = instance;
    if (newer.name)
        newer.name(GetCurrentThread(), t->name);
    TlsSetValue(atomic_load(&own_slot), t);
    t->run(t->arg);
    end_value_of_worker();
}

static void discard(struct thread *t)
{
    if (t->work)
        CloseThreadpoolWork(t->work);
    if (t->pool)
        CloseThreadpool(t->pool);
    if (t->returned)
        CloseHandle(t->returned);
    fini__platform_free(t);
}

static bool prepare_pool(struct thread *t)
{
    TP_CALLBACK_ENVIRON environment;
    t->returned = CreateEventW(NULL, TRUE, FALSE, NULL);
    t->pool = t->returned ? CreateThreadpool(NULL) : NULL;
    if (!t->pool)
        return false;
    SetThreadpoolThreadMaximum(t->pool, 1);
    if (!SetThreadpoolThreadMinimum(t->pool, 1))
        return false;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, t->pool);
    SetThreadpoolCallbackRunsLong(&environment);
    t->work = CreateThreadpoolWork(begin_thread, t, &environment);
    return t->work != NULL;
}

static bool ends_name(const char *text)
{
    return text[0] == '.' && (text[1] == 'd' || text[1] == 'e') && text[4] == '\0';
}

int fini__platform_thread_start(void (*run)(void *arg), void *arg, const char *name, void **ret)
{
    if (fini__platform_threads_killed())
        return FINI_EAGAIN;
    struct thread *t = fini__platform_allocate(sizeof *t);
    if (!t)
        return FINI_ENOMEM;
    t->run = run;
    t->arg = arg;
    for (size_t n = 0; n < THREAD_NAME_SIZE - 1 && name[n] && !ends_name(name + n); n++)
        t->name[n] = (unsigned char)name[n];
    if (!make_slot(&own_slot) || !prepare_pool(t)) {
        discard(t);
        return FINI_EAGAIN;
    }
    SubmitThreadpoolWork(t->work);
    *ret = t;
    return FINI_OK;
}

/* A pool's thread begins with the loader's lock. Where who waits holds that, in an unload that
 * follows on the start at once, it would be waited for in vain. Then it is called off, and the
 * function, which is to be called in any case, finds here that it is to stop. */
static bool call_off(struct thread *t)
{
    unsigned not_begun = NOT_BEGUN;
    if (!atomic_compare_exchange_strong(&t->begun, &not_begun, CALLED_OFF))
        return false;
    WaitForThreadpoolWorkCallbacks(t->work, TRUE);
    t->run(t->arg);
    return true;
}

bool fini__platform_thread_is_over(void *thread, bool out_is_enough)
{
    struct thread *t = thread;
    bool returned = WaitForSingleObject(t->returned, 0) == WAIT_OBJECT_0 ||
                (out_is_enough && call_off(t));
    if (returned)
        discard(t);
    return returned;
}

/* The caller's own: ntdll may still have to set the event. */
void fini__platform_thread_dismiss(void *thread)
{
    struct thread *t = thread;
    if (WaitForSingleObject(t->returned, 0) == WAIT_OBJECT_0) {
        discard(t);
        return;
    }
    CloseThreadpoolWork(t->work);
    CloseThreadpool(t->pool);
}

/* Killed, and the process about to end. */
void fini__platform_thread_forget(void *thread)
{
    (void)thread;
}

/* ---- references ------------------------------------------------------------------------------ */

static bool never_unloaded(void)
{
    return fini__windows_is_program() || fini__platform_threads_killed();
}

static HMODULE refer_to_own(void)
{
    HMODULE found = NULL;
    DWORD saved = GetLastError();
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                       (LPCWSTR)(const void *)fini__windows_own(), &found);
    SetLastError(saved);
    return found;
}

int fini__platform_refer(void **ret)
{
    HMODULE found = NULL;
    if (!never_unloaded()) {
        found = refer_to_own();
        if (!found)
            return FINI_ESYSTEM;
    }
    *ret = (void *)found;
    return FINI_OK;
}

/* How the calling thread's reference will end: when the callback has returned that it is, or by the
 * program's pool, which waits for the thread. Either way ntdll itself calls FreeLibrary. */
struct ending {
    struct thread *worker;
    HANDLE thread;
    PTP_WAIT wait;
};

static void CALLBACK end_reference(PTP_CALLBACK_INSTANCE instance, void *thread, PTP_WAIT wait,
                            TP_WAIT_RESULT result)
{
    (void)result;
    CloseHandle(thread);
    CloseThreadpoolWait(wait);
    FreeLibraryWhenCallbackReturns(instance, fini__windows_own());
}

static int prepare_ending(struct ending *ret)
{
    *ret = (struct ending){get_word(atomic_load(&own_slot)), NULL, NULL};
    if (!TlsSetValue(atomic_load(&own_slot), &has_reference))
        return FINI_ENOMEM;
    if (ret->worker)
        return FINI_OK;
    ret->thread = OpenThread(SYNCHRONIZE, FALSE, GetCurrentThreadId());
    ret->wait = ret->thread ? CreateThreadpoolWait(end_reference, ret->thread, NULL) : NULL;
    if (ret->wait)
        return FINI_OK;
    if (ret->thread)
        CloseHandle(ret->thread);
    TlsSetValue(atomic_load(&own_slot), NULL);
    return FINI_ENOMEM;
}

static void arrange(const struct ending *by)
{
    if (by->worker)
        FreeLibraryWhenCallbackReturns(by->worker->instance, fini__windows_own());
    else
        SetThreadpoolWait(by->wait, by->thread, NULL);
}

static void give_up_ending(const struct ending *by)
{
    if (by->wait) {
        CloseThreadpoolWait(by->wait);
        CloseHandle(by->thread);
    }
    TlsSetValue(atomic_load(&own_slot), by->worker);
}

static bool has_reference_already(void)
{
    return get_word(atomic_load(&own_slot)) == &has_reference;
}

/* Where the thread has such a reference already, this one is not the last, and can go at once. */
int fini__platform_unrefer_later(void *reference)
{
    struct ending by;
    if (never_unloaded())
        return FINI_OK;
    if (!make_slot(&own_slot))
        return FINI_EAGAIN;
    if (has_reference_already()) {
        FreeLibrary((HMODULE)reference);
        return FINI_OK;
    }
    int error = prepare_ending(&by);
    if (error == FINI_OK)
        arrange(&by);
    return error;
}

int fini__platform_refer_for_thread(void)
{
    struct ending by;
    if (never_unloaded())
        return FINI_OK;
    if (!make_slot(&own_slot))
        return FINI_EAGAIN;
    if (has_reference_already())
        return FINI_OK;
    int error = prepare_ending(&by);
    if (error != FINI_OK)
        return error;
    if (!refer_to_own()) {
        give_up_ending(&by);
        return FINI_ESYSTEM;
    }
    arrange(&by);
    return FINI_OK;
}

unsigned fini__platform_traits(void)
{
    return fini__windows_is_program() ? FINI_AT_STARTUP | FINI_IN_PROGRAM : 0;
}

void fini__windows_threads_unload(void)
{
    free_slot(&own_slot);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Nobody is there to be waited for in an exit. */
void fini__platform_pause(unsigned round)
{
    const unsigned yields = 16;
    if (fini__platform_threads_killed())
        return;
    if (round < yields)
        SwitchToThread();
    else
        Sleep(1);
}

bool fini__platform_light_fences(void)
{
    return false;
}

bool fini__platform_heavy_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    return true;
}

static const int64_t second = 1000000000;

static int64_t now(void)
{
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&ticks);
    return ticks.QuadPart / frequency.QuadPart * second +
           ticks.QuadPart % frequency.QuadPart * second / frequency.QuadPart;
}

int64_t fini__platform_deadline(int64_t timeout)
{
    if (timeout <= 0)
        return timeout < 0 ? -1 : 0;
    int64_t begin = now();
    return timeout > INT64_MAX - begin ? INT64_MAX : begin + timeout;
}

/* At least so long, in whole milliseconds. */
static DWORD milliseconds_to(int64_t deadline)
{
    const int64_t most = INFINITE - 1, millisecond = 1000000;
    if (deadline < 0)
        return INFINITE;
    int64_t left = deadline - now();
    if (left <= 0)
        return 0;
    left = (left - 1) / millisecond + 1;
    return (DWORD)(left < most ? left : most);
}

/* Where the system cannot, who waits looks every millisecond. */
static void sleep_on(_Atomic uint32_t *word, uint32_t seen, DWORD milliseconds)
{
    if (newer.wait && newer.wake)
        newer.wait((volatile VOID *)word, &seen, sizeof seen, milliseconds);
    else if (atomic_load(word) == seen)
        Sleep(1);
}

/* What dead threads were to do never comes. */
bool fini__platform_wait(_Atomic uint32_t *word, uint32_t seen, int64_t deadline)
{
    if (deadline == 0 || fini__platform_threads_killed())
        return false;
    DWORD saved = GetLastError();
    DWORD milliseconds = milliseconds_to(deadline);
    if (milliseconds > 0)
        sleep_on(word, seen, milliseconds);
    SetLastError(saved);
    return milliseconds > 0;
}

void fini__platform_wake(_Atomic uint32_t *word)
{
    if (newer.wake)
        newer.wake((void *)word);
}

#else
typedef int fini__windows_threads_are_not_for_this_platform;
#endif
