/* SPDX-License-Identifier: MIT
 *
 * conditions.c - under what the matrix is run here, besides nothing.
 *
 * Decides: what each condition is, and how a case puts the host under it.
 * Leaves to others: the pairs and what is right (tests/matrix/matrix.c), conditions of the build
 * (tests/matrix/meson.build), those that need a story of their own (the programs beside this).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "../matrix/matrix.h"
#include "refuse.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* ---- the loader ------------------------------------------------------------------------------ */

static void audit(const char *name)
{
    char path[PATH_MAX];
    setenv("LD_AUDIT", harness_path(path, name), 1);
}

static void audit_plain(void)
{
    audit("audit.so");
}

static void audit_binds(void)
{
    audit("audit-binds.so");
}

static void audit_calls(void)
{
    audit("audit-calls.so");
}

static void audit_fini(void)
{
    audit("audit-fini.so");
}

static void bind_now(void)
{
    setenv("LD_BIND_NOW", "1", 1);
}

/* ---- system calls ---------------------------------------------------------------------------- */

static const struct refusal wipe[] = {
    {SYS_madvise, 2, EQUALS, MADV_WIPEONFORK}, {REFUSE_END, 0, ANY, 0}};

/* The last asks whether memory can be read, with an operation that the kernel does not know. */
static const struct refusal small_calls[] = {
    {SYS_gettid, 0, ANY, 0},     {SYS_getpid, 0, ANY, 0},
    {SYS_sched_yield, 0, ANY, 0}, {SYS_nanosleep, 0, ANY, 0},
    {SYS_membarrier, 0, ANY, 0}, {SYS_rt_sigprocmask, 0, ABOVE, 2},
    {REFUSE_END, 0, ANY, 0}};

static const struct refusal odd_mask[] = {
    {SYS_rt_sigprocmask, 0, ABOVE, 2}, {REFUSE_END, 0, ANY, 0}};

static const struct refusal odd_calls[] = {
    {SYS_nanosleep, 0, ANY, 0}, {SYS_membarrier, 0, ANY, 0},
    {SYS_process_vm_readv, 0, ANY, 0}, {REFUSE_END, 0, ANY, 0}};

static void wipe_eperm(void)
{
    refuse(wipe, EPERM);
}

static void wipe_enosys(void)
{
    refuse(wipe, ENOSYS);
}

static void small_calls_eperm(void)
{
    refuse(small_calls, EPERM);
}

static void small_calls_enosys(void)
{
    refuse(small_calls, ENOSYS);
}

/* As the kernel answers, but for memory that cannot be read as well. */
static void odd_mask_einval(void)
{
    refuse(odd_mask, EINVAL);
}

static void odd_calls_kill(void)
{
    refuse(odd_calls, 0);
}

/* ---- memory, keys ---------------------------------------------------------------------------- */

static void no_pages(void)
{
    setenv("HOSTILE_IMPOSE", "no-pages", 1);
}

static void no_keys(void)
{
    setenv("HOSTILE_IMPOSE", "no-keys", 1);
}

/* ---- standard error -------------------------------------------------------------------------- */

static void trace_to(int fd)
{
    setenv("FINI_TRACE", "1", 1);
    require_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

static void trace_to_nothing(void)
{
    setenv("FINI_TRACE", "1", 1);
    close(STDERR_FILENO);
}

static void trace_to_full(void)
{
    trace_to(open("/dev/full", O_WRONLY | O_CLOEXEC));
}

/* ---- all at once ----------------------------------------------------------------------------- */

static void everything(void)
{
    audit_binds();
    bind_now();
    no_keys();
    trace_to_nothing();
    wipe_eperm();
}

const struct matrix_condition matrix_conditions[] = {
    {"audit", audit_plain, NULL, CONDITION_LOADER | CONDITION_AUDITED},
    {"audit-binds", audit_binds, NULL, CONDITION_LOADER | CONDITION_AUDITED | CONDITION_NO_SCAN},
    {"audit-calls", audit_calls, NULL,
     CONDITION_LOADER | CONDITION_AUDITED | CONDITION_RETURNS | CONDITION_NO_VFORK |
         CONDITION_NO_SCAN},
    {"audit-fini", audit_fini, NULL, CONDITION_LOADER | CONDITION_AUDITED},
    {"bind-now", bind_now, NULL, CONDITION_LOADER},
    {"preload-bump", NULL, "allocator-bump.so", CONDITION_LOADER},
    {"preload-strict", NULL, "allocator-strict.so", CONDITION_LOADER},
    {"preload-locked", NULL, "allocator-locked.so", CONDITION_LOADER},
    {"wipe-eperm", wipe_eperm, NULL, 0},
    {"wipe-enosys", wipe_enosys, NULL, 0},
    {"small-calls-eperm", small_calls_eperm, NULL, CONDITION_NO_RAISE},
    {"small-calls-enosys", small_calls_enosys, NULL, CONDITION_NO_RAISE},
    {"odd-mask-einval", odd_mask_einval, NULL, 0},
    {"odd-calls-kill", odd_calls_kill, NULL, 0},
    {"no-pages", no_pages, "impose.so",
     CONDITION_LOADER | CONDITION_NO_PAGES | CONDITION_NO_VFORK},
    {"no-keys", no_keys, "impose.so", CONDITION_LOADER},
    {"trace-to-nothing", trace_to_nothing, NULL, 0},
    {"trace-to-full", trace_to_full, NULL, 0},
    {"everything", everything, "impose.so",
     CONDITION_LOADER | CONDITION_AUDITED | CONDITION_NO_SCAN},
    {NULL, NULL, NULL, 0},
};
