/* SPDX-License-Identifier: MIT
 *
 * Windows Vista and later, with any C run-time.
 *
 * Decides: to learn the reason from the loader, without the image's DllMain; when in detach each
 * reason is dispatched; how the images of a process share what they know.
 * Leaves to others: threads (windows_threads.c); what was seen means what (reason.c).
 *
 * exit() runs the handlers of the program's C run-time, while all threads live. ExitProcess, which
 * comes next, kills all other threads wherever they are, with the locks that they hold; then the
 * loader detaches the images, in the thread that is left. FreeLibrary detaches one while all
 * threads live. In both cases the loader calls, in this order,
 *
 *   the image's TLS callbacks, of which ours is the first
 *   DllMain
 *   what the image has registered with atexit: a DLL has a list of its own
 *
 * Only DllMain is told the reason, and that is the user's. Everybody can ask ntdll, by
 * RtlDllShutdownInProgress: it says yes from the moment when the other threads are dead.
 *
 *   image     ends by                     finalized by
 *   DLL       FreeLibrary                 the TLS callback, before its handlers
 *   DLL       ExitProcess, however        its oldest atexit handler, after all others
 *   DLL       DllMain's refusal           a destructor, or the oldest handler: the C run-time calls
 *                                         them then, not the loader
 *   program   exit()                      its oldest atexit handler, with all threads alive
 *   program   ExitProcess alone           nothing, as its own handlers: the C run-time is gone then
 *
 * (Seen in Wine 8 with mingw-w64 10: tests/windows, docs/conformance.md.)
 */

/* Capabilities of Windows:
 *
 *   tells unload from exit | yes
 *   unload at exit | yes where the stack shows exit() (x86-64), or the program has libfini and its
 *     mark has passed; else unload
 *   `fini_why` outside hooks | yes: in DllMain, exit handlers, destructors
 *   `fini_exiting` before the own finalizer | in the program, and its DLLs then: from the mark on;
 *     else from ExitProcess on
 *   `fini_forked` | there are no forks: false
 *   after `FINI_EXIT` the image stays mapped | yes: FreeLibrary does nothing any more
 *   `FINI_ON_EXIT_BEGIN` early | in the program; a DLL's run with `FINI_ON_EXIT`
 *   hooks left when a hook calls `exit()` | run in that exit; not when a DLL's hook calls it in
 *     ExitProcess
 *   own exit handlers before hooks at exit | yes
 *   other exit handlers before hooks at exit | the program's, before any DLL; those of the other
 *     DLLs as they are detached
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   threads waiting for a hook sleep | yes
 *   `fini_traits` | the program: `FINI_AT_STARTUP`, `FINI_IN_PROGRAM`; a DLL that the program
 *     needs is not told apart: 0
 *   `fini_pin`, `fini_hold` | yes
 *   `fini_release`, `fini_hold_for_thread` | yes; the pool of the process ends the reference, soon
 *     after the thread
 *   keepsakes | yes
 *   `fini_generation` | yes; a DLL is who it was linked as, if it exports anything
 *   thread values | yes; destructors run with the loader's lock held
 *   workers | yes: callbacks of a thread pool of their own
 *   gates | yes; an atomic operation each; who waits sleeps (before Windows 8: looks every ms); a
 *     thread that exit has killed inside is there for ever
 */
#include "select.h"

#ifdef FINI_PLATFORM_WINDOWS

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../platform.h"
#include "windows_image.h"

/* Where the linker puts this image's header. */
extern const char __ImageBase[];

HMODULE fini__windows_own(void)
{
    return (HMODULE)(void *)(uintptr_t)__ImageBase;
}

/* A DLL's header says what it is: no need to ask the loader. */
static const IMAGE_NT_HEADERS *own_headers(void)
{
    const IMAGE_DOS_HEADER *first = (const IMAGE_DOS_HEADER *)(const void *)__ImageBase;
    return (const IMAGE_NT_HEADERS *)(const void *)(__ImageBase + first->e_lfanew);
}

bool fini__windows_is_program(void)
{
    return !(own_headers()->FileHeader.Characteristics & IMAGE_FILE_DLL);
}

fini__code *fini__windows_find(const char *library, const char *name)
{
    HMODULE module = GetModuleHandleA(library);
    return module ? (fini__code *)GetProcAddress(module, name) : NULL;
}

#if defined(__GNUC__) && !defined(__clang__)
/* A DLL that says of no symbol whether to export it, exports all: but not these (binutils 2.40). */
#define INSIDE(name) "-exclude-symbols:" #name " "
__asm__(".section .drectve,\"yn\"\n\t.ascii \" "
        INSIDE(fini_strerror) INSIDE(fini_why) INSIDE(fini_exiting) INSIDE(fini_forked)
        INSIDE(fini_reason_name) INSIDE(fini_add) INSIDE(fini_remove)
        INSIDE(fini_unload_handler) INSIDE(fini_exit_handler) INSIDE(fini_traits)
        INSIDE(fini_pin) INSIDE(fini_hold) INSIDE(fini_release) INSIDE(fini_hold_for_thread)
        INSIDE(fini_local_init) INSIDE(fini_local_destroy) INSIDE(fini_local_get)
        INSIDE(fini_local_set) INSIDE(fini_worker_start) INSIDE(fini_worker_stopping)
        INSIDE(fini_worker_wait) INSIDE(fini_worker_stop) INSIDE(fini_gate_enter)
        INSIDE(fini_gate_leave) INSIDE(fini_gate_close) INSIDE(fini_gate_open)
        INSIDE(fini_keep_put) INSIDE(fini_keep_get) INSIDE(fini_generation)
        INSIDE(fini__library) INSIDE(fini__hook_add_file)
        "\"\n\t.text");
#endif

#if !defined(__GNUC__) && !defined(__clang__)
/* Names for those that nobody defines, as weak symbols are elsewhere; and the structure that makes
 * the loader look for TLS callbacks. C names begin with an underscore on x86. */
#ifdef _M_IX86
#pragma comment(linker, "/alternatename:_fini_unload_handler=_fini__no_handler")
#pragma comment(linker, "/alternatename:_fini_exit_handler=_fini__no_handler")
#pragma comment(linker, "/alternatename:_fini__library=_fini__no_library")
#pragma comment(linker, "/include:__tls_used")
#else
#pragma comment(linker, "/alternatename:fini_unload_handler=fini__no_handler")
#pragma comment(linker, "/alternatename:fini_exit_handler=fini__no_handler")
#pragma comment(linker, "/alternatename:fini__library=fini__no_library")
#pragma comment(linker, "/include:_tls_used")
#endif
#endif

/* ---- is it an exit? -------------------------------------------------------------------------- */

typedef BOOLEAN NTAPI shutdown_fn(void);

/* Where ntdll cannot tell, which no version is known for: never, and then no reason is certain. */
static BOOLEAN NTAPI no_shutdown(void)
{
    return FALSE;
}

static shutdown_fn *_Atomic in_shutdown;

/* Looked for before the first lock is taken, so never in an exit. */
static shutdown_fn *find_shutdown(void)
{
    shutdown_fn *found = (shutdown_fn *)fini__windows_find("ntdll.dll", "RtlDllShutdownInProgress");
    found = found ? found : no_shutdown;
    atomic_store_explicit(&in_shutdown, found, memory_order_relaxed);
    return found;
}

bool fini__platform_threads_killed(void)
{
    shutdown_fn *ask = atomic_load_explicit(&in_shutdown, memory_order_relaxed);
    if (FINI_UNLIKELY(!ask))
        ask = find_shutdown();
    return ask();
}

/* To locks the kill is what a fork is: their owners do not exist any more. */
uintptr_t fini__platform_process(void)
{
    enum { WHOLE = 1, LEFT_ALONE = 2 };
    return fini__platform_threads_killed() ? LEFT_ALONE : WHOLE;
}

const _Atomic uintptr_t *fini__platform_process_place(void)
{
    return NULL;
}

bool fini__platform_is_forker(void)
{
    return true;
}

bool fini__platform_alone(void)
{
    return fini__platform_threads_killed();
}

/* ---- one record a process -------------------------------------------------------------------- */

/* Shared by all images with libfini, and outlives each of them. New members come at the end, and
 * zero means to them that no copy has used them yet; another change of the layout changes the
 * name. */
struct process {
    struct process *self; /* who finds it knows by that what it is */
    _Atomic uint32_t exiting;
};

enum { SHARED_AT = 4096, RECORD_SIZE = SHARED_AT + FINI__SHARED_SIZE };

/* Its address is found again through the process's own table of atoms (AddAtom), which is private
 * memory of the process, survives the image, and is not inherited. An atom is a name and nothing
 * else, so there is one for each bit of the address that is set. A named section would be open to
 * other processes, and one of them could make it first; an environment variable is inherited. */
static const char record_name[] = "libfini process 1";

/* Memory is given in units of 64 KiB, below the half of the address space that is the kernel's. */
enum { LOWEST_BIT = 16, HIGHEST_BIT = sizeof(void *) == 8 ? 47 : 31 };

struct bit_name {
    char text[sizeof record_name + 3];
};

static struct bit_name name_bit(unsigned bit)
{
    struct bit_name name;
    memcpy(name.text, record_name, sizeof record_name);
    name.text[sizeof record_name - 1] = ' ';
    name.text[sizeof record_name] = (char)('0' + bit / 10);
    name.text[sizeof record_name + 1] = (char)('0' + bit % 10);
    name.text[sizeof record_name + 2] = '\0';
    return name;
}

static struct process *process;

/* Somebody else's atoms may have such names. */
static bool is_record(struct process *found)
{
    MEMORY_BASIC_INFORMATION about;
    return VirtualQuery(found, &about, sizeof about) != 0 && about.State == MEM_COMMIT &&
           about.Type == MEM_PRIVATE && about.Protect == PAGE_READWRITE &&
           about.AllocationBase == found && about.RegionSize >= RECORD_SIZE && found->self == found;
}

static struct process *recall_record(void)
{
    uintptr_t address = 0;
    if (FindAtomA(record_name) == 0)
        return NULL;
    for (unsigned bit = LOWEST_BIT; bit <= HIGHEST_BIT; bit++)
        if (FindAtomA(name_bit(bit).text) != 0)
            address |= (uintptr_t)1 << bit;
    return is_record((struct process *)address) ? (struct process *)address : NULL;
}

static void withdraw_bits(uintptr_t bits)
{
    for (unsigned bit = LOWEST_BIT; bit <= HIGHEST_BIT; bit++)
        if (bits >> bit & 1)
            DeleteAtom(FindAtomA(name_bit(bit).text));
}

/* The name without a number comes last: before it nobody looks at the others. */
static bool publish_record(const struct process *made)
{
    uintptr_t done = 0;
    for (unsigned bit = LOWEST_BIT; bit <= HIGHEST_BIT; bit++) {
        if (!((uintptr_t)made >> bit & 1))
            continue;
        if (AddAtomA(name_bit(bit).text) == 0)
            break;
        done |= (uintptr_t)1 << bit;
    }
    if (done == (uintptr_t)made && AddAtomA(record_name) != 0)
        return true;
    withdraw_bits(done);
    return false;
}

static struct process *make_record(void)
{
    struct process *made = fini__platform_map(RECORD_SIZE);
    if (!made)
        return NULL;
    made->self = made;
    if (publish_record(made))
        return made;
    fini__platform_unmap(made, RECORD_SIZE);
    return NULL;
}

typedef LONG NTAPI lock_loader_fn(ULONG flags, ULONG *disposition, ULONG_PTR *cookie);
typedef LONG NTAPI unlock_loader_fn(ULONG flags, ULONG_PTR cookie);

/* DLLs come here with the loader's lock held, the program without: no two make a record at once.
 * ntdll exports the lock for such uses. */
static void share_process(void)
{
    lock_loader_fn *lock = (lock_loader_fn *)fini__windows_find("ntdll.dll", "LdrLockLoaderLock");
    unlock_loader_fn *unlock =
        (unlock_loader_fn *)fini__windows_find("ntdll.dll", "LdrUnlockLoaderLock");
    ULONG_PTR cookie = 0;
    bool locked = lock && unlock && lock(0, NULL, &cookie) >= 0;
    if (!process)
        process = recall_record();
    if (!process)
        process = make_record();
    if (locked)
        unlock(0, cookie);
}

/* The image's own constructors can ask before ours has looked for the record. */
static struct process *shared_process(void)
{
    static bool tried;
    if (!tried) {
        DWORD saved = GetLastError();
        tried = true;
        share_process();
        SetLastError(saved);
    }
    return process;
}

void *fini__platform_shared(void)
{
    struct process *p = shared_process();
    return p ? (char *)p + SHARED_AT : NULL;
}

/* Units of 64 KiB are reserved, but only pages taken. */
void *fini__platform_map(size_t size)
{
    return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void fini__platform_unmap(void *pages, size_t size)
{
    (void)size;
    VirtualFree(pages, 0, MEM_RELEASE);
}

/* ---- exit() ---------------------------------------------------------------------------------- */

/* Where there is no record. */
static _Atomic uint32_t exiting_here;

/* Of the program: the thread in which exit() is known to run handlers. */
static _Atomic uintptr_t exit_thread;

bool fini__platform_exiting(void)
{
    const _Atomic uint32_t *exiting = process ? &process->exiting : &exiting_here;
    return atomic_load_explicit(exiting, memory_order_relaxed) != 0 ||
           fini__platform_threads_killed();
}

void fini__platform_set_exiting(void)
{
    struct process *p = shared_process();
    atomic_store_explicit(p ? &p->exiting : &exiting_here, 1, memory_order_relaxed);
}

static void note_exit(void)
{
    fini__platform_set_exiting();
    atomic_store(&exit_thread, fini__platform_thread());
}

/* A DLL cannot: the program's C run-time has no way to take a handler back. */
void fini__platform_watch_exit(void)
{
    static _Atomic unsigned watching;
    if (fini__windows_is_program() && atomic_exchange(&watching, 1) == 0)
        atexit(note_exit);
}

static void exit_begins(void)
{
    note_exit();
    fini__image_exit_begins();
}

/* Arranged here already, and not by the function below: that one is called under a lock, and exit()
 * holds one of the C run-time's, which atexit wants, while it runs handlers, which may add hooks.
 * The program never goes, so that nobody has to take the handler back. */
bool fini__platform_can_be_early(void)
{
    static _Atomic unsigned armed;
    if (fini__windows_is_program() && !fini__platform_threads_killed() &&
        atomic_exchange(&armed, 1) == 0)
        atexit(exit_begins);
    return false;
}

void fini__platform_early_exit(void)
{
}

/* ---- why ------------------------------------------------------------------------------------- */

/* Where the compiler makes unwind tables for every function, the stack shows exit() further out, if
 * the C run-time exports it, and has not left its frame to another function. */
#if defined(__x86_64__) || defined(_M_AMD64)
static bool is_in_exit(const void *address)
{
    DWORD64 base = 0;
    const RUNTIME_FUNCTION *function = RtlLookupFunctionEntry((DWORD64)address, &base, NULL);
    if (!function)
        return false;
    uintptr_t exported = (uintptr_t)GetProcAddress((HMODULE)base, "exit");
    return exported == base + function->BeginAddress;
}

static bool exit_is_around(void)
{
    enum { FRAMES = 64 };
    void *frames[FRAMES];
    unsigned count = RtlCaptureStackBackTrace(0, FRAMES, frames, NULL);
    while (count > 0 && !is_in_exit(frames[count - 1]))
        count--;
    return count > 0;
}
#else
static bool exit_is_around(void)
{
    return false;
}
#endif

/* The finalizer, or what the loader calls before it, has begun. */
static bool detaching;

struct fini__sight fini__platform_see(const void *frame)
{
    bool exits = fini__windows_is_program() || fini__platform_threads_killed();
    (void)frame;
    return (struct fini__sight){
        .finalizer = true,
        .by_exit = exits,
        .by_unload = !exits && atomic_load(&in_shutdown) != no_shutdown,
        .exit_around = exits || fini__platform_exiting() || exit_is_around(),
    };
}

/* At unload our finalizer comes first, and image.c knows the rest. At exit DllMain, handlers and
 * destructors come before it, all in the one thread that is left. In the program those of its
 * destructors that gcc's exit handler calls. */
struct fini__sight fini__platform_see_around(const void *frame)
{
    bool exits = (detaching && fini__platform_threads_killed()) ||
                 (fini__windows_is_program() &&
                  atomic_load(&exit_thread) == fini__platform_thread());
    (void)frame;
    return (struct fini__sight){.finalizer = exits, .by_exit = exits, .exit_around = exits};
}

/* ---- the image's life ------------------------------------------------------------------------ */

enum { MOST_BYTES = 1024 };

static char file_name[MOST_BYTES]; /* UTF-8 */
static bool loaded, has_handler;
static _Atomic unsigned begun;

static void note_file_name(void)
{
    WCHAR name[MOST_BYTES];
    DWORD length = GetModuleFileNameW(fini__windows_own(), name, MOST_BYTES);
    if (length == 0 || length >= MOST_BYTES ||
        WideCharToMultiByte(CP_UTF8, 0, name, -1, file_name, MOST_BYTES, NULL, NULL) == 0)
        memcpy(file_name, "?", 2);
}

static void finalize_once(void)
{
    if (atomic_exchange(&begun, 1) != 0)
        return;
    DWORD saved = GetLastError();
    detaching = true;
    fini__image_finalize(FINI_FRAME());
    if (!fini__windows_is_program() && !fini__platform_threads_killed())
        fini__windows_threads_unload();
    SetLastError(saved);
}

FINI_CONSTRUCTOR static void call_loaded(void)
{
    DWORD saved = GetLastError();
    if (loaded)
        return;
    loaded = true;
    find_shutdown();
    fini__windows_threads_loaded();
    note_file_name();
    shared_process();
    has_handler = atexit(finalize_once) == 0;
    fini__image_loaded();
    SetLastError(saved);
}
FINI__CONSTRUCTOR_ENTRY(call_loaded)

#ifdef FINI_DESTRUCTOR
/* One handler, of the program or of the DLL, calls them all. In a DLL hooks are to come before the
 * handlers that are left, where DllMain has refused to be attached: the run-time, not the loader,
 * detaches then. */
FINI_DESTRUCTOR static void destructors_begin(void)
{
    if (fini__windows_is_program())
        note_exit();
    else if (!fini__platform_threads_killed())
        finalize_once();
}
#endif

static void detach(void)
{
    if (fini__windows_is_program())
        return;
    detaching = true;
    if (!fini__platform_threads_killed() || !has_handler)
        finalize_once();
}

/* Also for an image whose constructors have never run. */
static void NTAPI on_loader(void *image, DWORD event, void *reserved)
{
    (void)image, (void)reserved;
    if (!loaded)
        return;
    if (event == DLL_THREAD_DETACH)
        fini__windows_thread_ends();
    else if (event == DLL_PROCESS_DETACH)
        detach();
}

/* The loader goes through the list between .CRT$XLA and .CRT$XLZ, which the linker has sorted; C
 * run-times have C and D. With a TLS callback DisableThreadLibraryCalls has no effect. */
FINI_IN_SECTION(".CRT$XLB")
static const PIMAGE_TLS_CALLBACK fini__tls_callback = (PIMAGE_TLS_CALLBACK)on_loader;

/* After the image's own handlers already. */
void fini__platform_run_exit_handlers(void)
{
}

/* Once ExitProcess has begun FreeLibrary does nothing (Wine's LdrUnloadDll in dlls/ntdll/loader.c;
 * seen). */
void fini__platform_stay_mapped(void)
{
}

/* A DLL has left nothing. */
void fini__platform_unload(void)
{
}

/* ---- hooks that call exit() ------------------------------------------------------------------ */

/* ExitProcess does not detach again what FreeLibrary is detaching. But it calls the callbacks of
 * the exiting thread's fiber-local values first of all. In the program, whose hooks an exit handler
 * runs, one more handler is called by the second exit(). */
static DWORD resume_index = FLS_OUT_OF_INDEXES;
static bool resume_armed;

static void resume(void)
{
    if (!resume_armed)
        return;
    resume_armed = false;
    fini__image_resume();
}

static void NTAPI resume_with(void *value)
{
    (void)value;
    resume();
}

static bool arm_resume(void)
{
    if (fini__windows_is_program())
        return atexit(resume) == 0;
    resume_index = FlsAlloc(resume_with);
    return resume_index != FLS_OUT_OF_INDEXES && FlsSetValue(resume_index, &resume_index);
}

/* FlsFree calls it for each value: hence disarmed before. */
static void disarm_resume(void)
{
    resume_armed = false;
    if (resume_index != FLS_OUT_OF_INDEXES)
        FlsFree(resume_index);
    resume_index = FLS_OUT_OF_INDEXES;
}

/* Once ExitProcess has begun nothing of the kind is left. */
void fini__platform_resume_at_exit(bool on)
{
    if (fini__platform_threads_killed())
        return;
    if (on)
        resume_armed = arm_resume();
    else
        disarm_resume();
}

/* ---- names ----------------------------------------------------------------------------------- */

const char *fini__platform_image_name(void)
{
    return file_name[0] ? file_name : "?";
}

/* The file's name without its folder, in lower case: to Windows they are the same. */
static const char *base_name(void)
{
    static char name[MOST_BYTES];
    const char *base = file_name;
    size_t n = 0;
    for (const char *at = file_name; *at; at++)
        if (*at == '\\' || *at == '/')
            base = at + 1;
    for (; base[n]; n++)
        name[n] = (char)(base[n] >= 'A' && base[n] <= 'Z' ? base[n] - 'A' + 'a' : base[n]);
    name[n] = '\0';
    return name;
}

/* What an image that exports anything was called when it was linked, like a soname: a copy of its
 * file has it too. */
static const char *exported_name(void)
{
    const IMAGE_DATA_DIRECTORY *exports =
        &own_headers()->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT];
    const IMAGE_EXPORT_DIRECTORY *directory =
        (const IMAGE_EXPORT_DIRECTORY *)(const void *)(__ImageBase + exports->VirtualAddress);
    if (exports->VirtualAddress == 0 || directory->Name == 0)
        return NULL;
    return __ImageBase + directory->Name;
}

const char *fini__platform_library_name(void)
{
    const char *name = exported_name();
    if (!file_name[0])
        note_file_name();
    return name ? name : base_name();
}

/* ---- small things ---------------------------------------------------------------------------- */

bool fini__platform_setting(const char *name)
{
    char value[2];
    return GetEnvironmentVariableA(name, value, sizeof value) == 1 && value[0] == '1';
}

/* Not by the C run-time, whose lock may be a dead thread's. */
void fini__platform_print(const char *text, size_t length)
{
    DWORD written;
    HANDLE file = GetStdHandle(STD_ERROR_HANDLE);
    if (file && file != INVALID_HANDLE_VALUE)
        WriteFile(file, text, (DWORD)length, &written, NULL);
}

#else
typedef int fini__windows_is_not_this_platform;
#endif
