/* SPDX-License-Identifier: MIT
 *
 * One record a process: its memory, and the number of the process.
 *
 * Decides: its layout; that a page which forked children find cleared tells them from their parent.
 * Leaves to others: where its address is left (the platform file, domains.c), what else is in it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_RECORD

#include <stdatomic.h>

#include "../platform.h"
#include "record.h"
#include "self.h"

static struct fini__record *process;

struct fini__record *fini__record(void)
{
    return process;
}

static size_t forgotten_at(void)
{
    size_t page = fini__page_size();
    return (FINI__RECORD_SHARED_AT + FINI__SHARED_SIZE + page - 1) / page * page;
}

/* Not from malloc: a leak checker would not see the address where it is left. Where it cannot be
 * left each image has a record of its own, and knows a little less. */
static struct fini__record *make_process(void)
{
    char *pages = fini__platform_map(forgotten_at() + fini__page_size());
    struct fini__record *made = (struct fini__record *)(void *)pages;
    if (!pages)
        return NULL;
    made->forgets = fini__forget_in_children(pages + forgotten_at(), fini__page_size());
    made->published = fini__record_publish(made);
    return made;
}

/* From the image's first constructor. */
static void share_process(void)
{
    process = fini__record_recall();
    if (!process)
        process = make_process();
    if (!process)
        return;
    fini__self_use((struct fini__forgotten *)(void *)((char *)process + forgotten_at()));
    fini__record_use(process);
}

/* The kernel clears this page in a forked child (4.14 and later), which tells more surely than a
 * pid - a child may have its parent's in a namespace of its own - and without a system call. A
 * fork handler an image would tell as well, but each __cxa_finalize searches all of them: with
 * 1000 images exit() took twice as long. */
uintptr_t fini__record_number(void)
{
    static bool tried;
    uintptr_t none = 0;
    if (!tried) {
        tried = true;
        share_process();
    }
    if (!process || !process->forgets)
        return fini__process_id();
    uintptr_t number = 1 + atomic_fetch_add(&process->numbers, 1);
    _Atomic uintptr_t *place = &fini__self_forgotten()->number;
    return atomic_compare_exchange_strong(place, &none, number) ? number : none;
}

const _Atomic uintptr_t *fini__platform_process_place(void)
{
    fini__platform_process();
    return process && process->forgets ? &fini__self_forgotten()->number : NULL;
}

struct fini__record *fini__record_published(void)
{
    fini__platform_process();
    return process && process->published ? process : NULL;
}

void *fini__platform_shared(void)
{
    struct fini__record *p = fini__record_published();
    return p ? (char *)p + FINI__RECORD_SHARED_AT : NULL;
}

#else
typedef int fini__record_is_not_for_this_platform;
#endif
