/* SPDX-License-Identifier: MIT
 *
 * An address under a name, in the table of text domains that some libcs have.
 *
 * Decides: how an address is written as the name of a folder. libc keeps the string for us after
 * the image is gone, and forgets it at exec. Reading costs 23 ns (glibc), 6 (musl). There is no
 * such file, and nobody looks for one: the domain is never used for messages.
 * Leaves to others: what is kept under which name, and who may (the platform file).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "select.h"

#ifdef FINI_USES_DOMAINS

#include <stddef.h>
#include <stdint.h>

#include "../platform.h"
#include "domains.h"

static char domain_prefix[] = "/libfini/"; /* not const: on a page that is touched anyway */

static uintptr_t read_hex(const char *text)
{
    uintptr_t number = 0;
    for (; *text; text++)
        number = number << 4 | (uintptr_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return number;
}

static char *write_hex(char *end, uintptr_t number)
{
    *--end = '\0';
    do
        *--end = "0123456789abcdef"[number & 15];
    while (number >>= 4);
    return end;
}

void *fini__domain_recall(fini__bind_fn *bind, const char *name)
{
    const char *text = bind ? bind(name, NULL) : NULL;
    for (const char *prefix = domain_prefix; text && *prefix; prefix++)
        text = *text == *prefix ? text + 1 : NULL;
    return text ? (void *)read_hex(text) : NULL;
}

bool fini__domain_publish(fini__bind_fn *bind, const char *name, const void *address)
{
    char text[sizeof domain_prefix + 2 * sizeof(uintptr_t) + 1];
    char *at = write_hex(text + sizeof text, (uintptr_t)address);
    for (size_t n = sizeof domain_prefix - 1; n > 0; n--)
        *--at = domain_prefix[n - 1];
    return bind && bind(name, at);
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* Peterson's algorithm, on strings that libc reads and writes under a lock of its own: who wants a
 * turn, by thread (the main thread, another), and whom the last of them has let go first. */
static const char turn_wanted[][16] = {"libfini turn 0", "libfini turn 1"};
static const char turn_given[] = "libfini turn";

static bool says_one(fini__bind_fn *bind, const char *name)
{
    const char *text = bind(name, NULL);
    return text && text[1] == '1';
}

/* Not for ever: that two do at once what one should is better than a process that hangs. */
void fini__domain_take_turn(fini__bind_fn *bind, bool main_thread)
{
    const unsigned rounds = 300; /* 0.1 s */
    unsigned round = 0;
    if (!bind)
        return;
    bind(turn_wanted[main_thread], "/1");
    bind(turn_given, main_thread ? "/0" : "/1");
    while (round < rounds && says_one(bind, turn_wanted[!main_thread]) &&
           says_one(bind, turn_given) != main_thread)
        fini__platform_pause(round++);
}

void fini__domain_end_turn(fini__bind_fn *bind, bool main_thread)
{
    if (bind)
        bind(turn_wanted[main_thread], "/0");
}

#else
typedef int fini__domains_are_not_for_this_platform;
#endif
