/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out, anywhere in the life of a plugin: each allocation fails once, and each with
 * all after it; no address space is left before the load, or after it.
 *
 * Decides: that the process goes on as with a plugin that has no libfini, and the reason stays
 * right. A load that fails for lack of memory is none of libfini's business.
 * Leaves to others: libfini's own calls, one by one (tests/unit/inject.c).
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../hooks/plugin.h"
#include "harness.h"
#include "life.h"

/* ---- allocations that fail, in all of the process -------------------------------------------- */

/* The program's own are taken in place of libc's. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static struct {
    bool on, all_after;
    unsigned first; /* the number of the first that fails */
    unsigned *made; /* so far; shared with the parent */
} failing;

static bool fails(void)
{
    if (!failing.on)
        return false;
    unsigned number = ++*failing.made;
    return failing.all_after ? number >= failing.first : number == failing.first;
}

static void *nothing(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return fails() ? nothing() : __libc_malloc(size);
}

/* Where this one fails libc ends the process. libfini has just looked that there is memory, and
 * cannot do more. */
static bool is_for_thread_exit(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_sname &&
           strcmp(info.dli_sname, "__cxa_thread_atexit_impl") == 0;
}

void *calloc(size_t count, size_t size)
{
    bool fail = fails() && !is_for_thread_exit(__builtin_return_address(0));
    return fail ? nothing() : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return fails() ? nothing() : __libc_realloc(block, size);
}

static void begin_failing(void)
{
    failing.on = true;
}

/* ---- each of them ---------------------------------------------------------------------------- */

enum { ALLOCATIONS_MOST = 4000 };

static void fail_at(const struct life *life, unsigned number)
{
    failing.first = number;
    *failing.made = 0;
    int status = life_run(life->live, begin_failing);
    fini_reason why = strcmp(life_plugin, "hostile-naive.so") == 0 ? FINI_RUNNING : life->why;
    const char *wrong = life_wrong(status, why);
    if (wrong)
        say("%s, %s, allocation %u fails%s: %s", life_plugin, life->name, number,
            failing.all_after ? " and all after it" : "", wrong);
}

static void fail_each(const struct life *life)
{
    unsigned number = 0;
    do
        fail_at(life, ++number);
    while (*failing.made >= number && number < ALLOCATIONS_MOST);
    require(number > 5 && number < ALLOCATIONS_MOST);
}

static void fail_all_lives(bool all_after)
{
    failing.all_after = all_after;
    failing.made = shared_memory(sizeof *failing.made);
    for (const struct life *life = lives; life->name; life++)
        fail_each(life);
}

CASE(naive_one_allocation_fails, .timeout = 60)
{
    life_plugin = "hostile-naive.so";
    fail_all_lives(false);
}

CASE(naive_all_allocations_fail, .timeout = 60)
{
    life_plugin = "hostile-naive.so";
    fail_all_lives(true);
}

CASE(one_allocation_fails, .timeout = 60)
{
    fail_all_lives(false);
}

CASE(all_allocations_fail, .timeout = 60)
{
    fail_all_lives(true);
}

/* ---- no address space ------------------------------------------------------------------------ */

enum { PAGE = 4096, PAGES_MOST = 160 };

static unsigned spare_pages;

/* As much as this process has, and some pages more. */
static void limit_address_space(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%lu", &pages) != 1)
        abort();
    fclose(statm);
    rlim_t most = (pages + spare_pages) * PAGE;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){most, most}) != 0)
        abort();
}

/* Whatever size is asked for. Volatile: gcc 16 takes it for granted that an allocation which nobody
 * uses succeeds. */
static void use_up_memory(void)
{
    void *volatile got;
    for (size_t size = 1 << 20; size >= 16; size /= 2)
        do
            got = malloc(size);
        while (got);
}

/* From a limit at which the plugin cannot be loaded to one at which nothing is missing. */
CASE(address_space_ends_at_load, .timeout = 60, .expect = "loaded 1\n")
{
    for (const struct life *life = lives; life->name; life++)
        for (spare_pages = 0; spare_pages < PAGES_MOST; spare_pages++) {
            const char *wrong = life_wrong(life_run(life->live, limit_address_space), life->why);
            if (wrong)
                say("%s, %u pages: %s", life->name, spare_pages, wrong);
        }
    say("loaded %d", atomic_load(&life_report->loaded));
}

static void live_without_memory(void)
{
    life_load();
    spare_pages = 0;
    limit_address_space();
    use_up_memory();
}

static void unload_without_memory(void)
{
    live_without_memory();
    life_unload();
}

static void exit_without_memory(void)
{
    live_without_memory();
    exit(0);
}

CASE(no_memory_at_unload, .expect = "right\n")
{
    const char *wrong = life_wrong(life_run(unload_without_memory, NULL), FINI_UNLOAD);
    say("%s", wrong ? wrong : "right");
}

CASE(no_memory_at_exit, .expect = "right\n")
{
    const char *wrong = life_wrong(life_run(exit_without_memory, NULL), FINI_EXIT);
    say("%s", wrong ? wrong : "right");
}

/* What one size can still get, another cannot: malloc has blocks of this size in a cache that
 * calloc does not look into (2.36). */
__attribute__((unused)) static void exit_with_one_block(void)
{
    life_load();
    void *volatile last = malloc(64);
    spare_pages = 0;
    limit_address_space();
    use_up_memory();
    free(last);
    exit(0);
}

CASE(one_block_at_exit, .expect = "right\n")
{
    const char *wrong = life_wrong(life_run(exit_with_one_block, NULL), FINI_EXIT);
    say("%s", wrong ? wrong : "right");
}
