/* SPDX-License-Identifier: MIT
 *
 * Android's libc, API level 23 and later. Compiled, never run; read in the sources of bionic.
 *
 * Decides: a library's .fini_array is an unload, always: the linker calls it in dlclose only
 * (linker/linker.cpp, soinfo_unload_impl; linker_soinfo.cpp, call_destructors), exit() never. For
 * exit() an image registers an exit handler of its own, which its first constructor makes older
 * than the rest. The program's .fini_array is called by exit() (libc/bionic/libc_init_dynamic.cpp,
 * __libc_init), before those handlers: there is nothing to do in it.
 * Leaves to others: nothing about the reason.
 *
 * If another thread's dlclose unmaps the image just as exit() is in its finalizer, that crashes,
 * with libfini as without: to wait for each other would be a deadlock, because the finalizer asks
 * the linker for a reference.
 */

/* Capabilities of Android:
 *
 *   finalized from | at unload `.fini_array`, at exit a handler
 *   how the reason is known | by which of the two it comes
 *   told exit in doubt | never
 *   unload at exit | while another thread is in exit(); else unload
 *   `fini_why` outside hooks | no
 *   `fini_exiting` before the own finalizer | from the mark on
 *   `fini_forked` | yes
 *   after `FINI_EXIT` the image stays mapped | yes, by a thread_local destructor
 *   own exit handlers, and hooks, at unload | hooks first
 *   `FINI_ON_EXIT_BEGIN` early | no
 *   hooks left when a hook calls `exit()` | not run
 *   `FINI_CLEAN_EXIT`, `FINI_TRACE` | yes
 *   `fini_traits` | in the program
 *   `fini_pin`, `fini_hold` | yes, while the file is there
 *   `fini_release`, `fini_hold_for_thread` | `FINI_ENOTSUP`
 *   keepsakes, `fini_generation` | `FINI_ENOTSUP`, 0
 *   thread values | `FINI_ENOTSUP`
 *   workers | yes
 *   gates | yes: an atomic operation each, who waits naps 0.5 ms
 */
#include "select.h"

#ifdef FINI_PLATFORM_BIONIC

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "plain.h"
#include "workers.h"

extern int __cxa_thread_atexit_impl(fini__immortal_fn *fn, void *arg, void *image) FINI_WEAK;

/* Where the linker puts this image's ELF header, if it is mapped. */
extern const ElfW(Ehdr) __ehdr_start FINI_WEAK __attribute__((visibility("hidden")));

static char owner; /* for its address */

static struct {
    atomic_bool begun; /* by whom of the two came first */
    bool by_exit;
} end;

bool fini__in_program(void)
{
    const ElfW(Ehdr) *header = &__ehdr_start;
    return header && (uintptr_t)header + header->e_phoff == getauxval(AT_PHDR);
}

static void finalize_image(bool by_exit, const void *frame)
{
    if (atomic_exchange(&end.begun, true))
        return;
    end.by_exit = by_exit;
    fini__image_finalize(frame);
    fini__forget_leaving();
}

/* Called by __cxa_finalize, too, when the handler is taken back. */
static void exit_comes(void *arg)
{
    (void)arg;
    finalize_image(true, FINI_FRAME());
}

FINI_CONSTRUCTOR static void call_loaded(void)
{
    int saved = errno;
    __cxa_atexit(exit_comes, NULL, &owner);
    fini__mark_exit();
    fini__image_loaded();
    errno = saved;
}

FINI_DESTRUCTOR static void call_finalize(void)
{
    if (!fini__in_program())
        finalize_image(false, FINI_FRAME());
}

struct fini__sight fini__platform_see(const void *frame)
{
    (void)frame;
    return (struct fini__sight){.finalizer = true,
                                .by_unload = !end.by_exit,
                                .by_exit = end.by_exit,
                                .exit_around = fini__platform_exiting()};
}

/* All newer ones have run. */
void fini__platform_run_exit_handlers(void)
{
}

/* One destructor more of this thread, which has run all it had (libc/bionic/exit.cpp), keeps the
 * image that holds the address (linker/linker.cpp, increment_dso_handle_reference_counter). */
void fini__platform_stay_mapped(void)
{
    static sigset_t anything;
    if (__cxa_thread_atexit_impl && !fini__in_program())
        __cxa_thread_atexit_impl(fini__immortal(), &anything, &anything);
}

void fini__platform_unload(void)
{
    __cxa_finalize(&owner);
    fini__unmark_exit();
}

/* ---- this image ------------------------------------------------------------------------------ */

struct search {
    const char *name;
    unsigned found;
};

static int count_same_name(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *search = arg;
    const char *a = info->dlpi_name, *b = search->name;
    (void)size;
    while (a && *a && *a == *b)
        a++, b++;
    search->found += a && *a == *b;
    return 0;
}

/* There is no dlinfo. Two images can have the name of one file, if it has been replaced. */
bool fini__is_own_handle(void *handle)
{
    Dl_info own;
    if (!handle || !fini__find_own_image(&own))
        return false;
    struct search search = {own.dli_fname, 0};
    dl_iterate_phdr(count_same_name, &search);
    return search.found == 1;
}

unsigned fini__startup_traits(void)
{
    return 0;
}

/* ---- small things ---------------------------------------------------------------------------- */

bool fini__platform_setting(const char *name)
{
    const char *value = getauxval(AT_SECURE) ? NULL : getenv(name);
    return value && value[0] == '1' && value[1] == '\0';
}

unsigned long fini__platform_thread_number(void)
{
    return (unsigned long)gettid();
}

void fini__name_thread(const char *name)
{
    prctl(PR_SET_NAME, (unsigned long)(uintptr_t)name, 0, 0, 0);
}

#else
typedef int fini__bionic_is_not_this_platform;
#endif
